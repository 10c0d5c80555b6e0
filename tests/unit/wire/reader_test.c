#include "common/wire/reader.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

#define BYTES(...) \
    span_of(((const unsigned char[]){__VA_ARGS__}), sizeof((const unsigned char[]){__VA_ARGS__}))

static struct reader reader_at(struct span bytes)
{
    struct reader reader;
    reader_init(&reader, bytes);
    return reader;
}

static void assert_u64(struct span bytes, uint64_t expected)
{
    struct reader reader = reader_at(bytes);
    assert_int_equal(reader_u64(&reader, UINT64_MAX), expected);
    assert_false(reader.failed);
    assert_int_equal(reader_rest(&reader).length, 0);
}

static void assert_no_u64(struct span bytes, uint64_t maximum)
{
    struct reader reader = reader_at(bytes);
    assert_int_equal(reader_u64(&reader, maximum), 0);
    assert_true(reader.failed);
    assert_int_equal(reader_rest(&reader).length, 0);
}

static void test_u64_forms(void **state)
{
    (void)state;
    assert_u64(BYTES(0x00), 0);
    assert_u64(BYTES(0x7f), 127);
    assert_u64(BYTES(0xcc, 0xff), 255);
    assert_u64(BYTES(0xcd, 0x01, 0x00), 256);
    assert_u64(BYTES(0xce, 0x80, 0x00, 0x00, 0x01), 0x80000001u);
    assert_u64(BYTES(0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe), UINT64_MAX - 1);
    assert_u64(BYTES(0xcf, 0, 0, 0, 0, 0, 0, 0, 5), 5);
}

static void test_u64_refuses(void **state)
{
    (void)state;
    assert_no_u64(span_of(NULL, 0), UINT64_MAX);
    assert_no_u64(BYTES(0xcc), UINT64_MAX);
    assert_no_u64(BYTES(0xcf, 1, 2, 3, 4, 5, 6, 7), UINT64_MAX);
    assert_no_u64(BYTES(0x08), 7);
    assert_no_u64(BYTES(0xcd, 0x01, 0x01), 256);
    assert_no_u64(BYTES(0xff), UINT64_MAX);       /* -1 */
    assert_no_u64(BYTES(0xd0, 0x01), UINT64_MAX); /* int 8 */
    assert_no_u64(BYTES(0xc0), UINT64_MAX);       /* nil */
    assert_no_u64(BYTES(0xc3), UINT64_MAX);       /* true */
    assert_no_u64(BYTES(0xca, 0, 0, 0, 0), UINT64_MAX);
    assert_no_u64(BYTES(0xa1, '1'), UINT64_MAX);
}

static void test_bytes(void **state)
{
    (void)state;
    struct reader reader = reader_at(BYTES(0xc4, 2, 'h', 'i', 0xc5, 0, 1, 'x', 0xc6, 0, 0, 0, 0));
    assert_span(reader_bytes(&reader, 2), "hi");
    assert_span(reader_bytes(&reader, 1), "x");
    assert_span(reader_bytes(&reader, 0), "");
    assert_false(reader.failed);
    assert_int_equal(reader_bytes(&reader, 9).length, 0);
    assert_true(reader.failed);

    struct span wrong[] = {
        BYTES(0xc4, 3, 'h', 'i'),            /* truncated */
        BYTES(0xc4, 2, 'h', 'i'),            /* above the bound of 1 */
        BYTES(0xc6, 0xff, 0xff, 0xff, 0xff), /* a length nobody has */
        BYTES(0xa1, 'h'),                    /* str */
        BYTES(0xc5, 0),                      /* truncated length */
        BYTES(0x01),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        reader = reader_at(wrong[i]);
        assert_int_equal(reader_bytes(&reader, 1).length, 0);
        assert_true(reader.failed);
    }
}

static void test_array(void **state)
{
    (void)state;
    struct reader reader = reader_at(BYTES(0x92, 1, 2));
    assert_int_equal(reader_array(&reader, 2), 2);
    assert_int_equal(reader_rest(&reader).length, 2);
    reader = reader_at(BYTES(0xdc, 0, 1, 7));
    assert_int_equal(reader_array(&reader, 1), 1);
    reader = reader_at(BYTES(0xdd, 0, 0, 0, 1, 7));
    assert_int_equal(reader_array(&reader, 1), 1);

    struct span wrong[] = {
        BYTES(0x92, 1),                         /* more values than bytes */
        BYTES(0x93, 1, 2, 3),                   /* above the bound of 2 */
        BYTES(0xdd, 0xff, 0xff, 0xff, 0xff, 0), /* 2^32-1 */
        BYTES(0x82, 1, 2, 3, 4),                /* map */
        BYTES(0xdc, 0),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        reader = reader_at(wrong[i]);
        assert_int_equal(reader_array(&reader, 2), 0);
        assert_true(reader.failed);
    }
}

/* One value of each format, then a 7. */
static void test_skip_every_format(void **state)
{
    (void)state;
    struct span values[] = {
        BYTES(0x05, 7),
        BYTES(0xe0, 7),
        BYTES(0xc0, 7),
        BYTES(0xc2, 7),
        BYTES(0xa2, 'a', 'b', 7),
        BYTES(0x81, 1, 2, 7),
        BYTES(0x92, 1, 0x91, 0xc0, 7),
        BYTES(0xc4, 1, 9, 7),
        BYTES(0xc5, 0, 1, 9, 7),
        BYTES(0xc6, 0, 0, 0, 1, 9, 7),
        BYTES(0xc7, 1, 9, 9, 7),
        BYTES(0xc8, 0, 1, 9, 9, 7),
        BYTES(0xc9, 0, 0, 0, 1, 9, 9, 7),
        BYTES(0xca, 0, 0, 0, 0, 7),
        BYTES(0xcb, 0, 0, 0, 0, 0, 0, 0, 0, 7),
        BYTES(0xcc, 0, 7),
        BYTES(0xcd, 0, 0, 7),
        BYTES(0xce, 0, 0, 0, 0, 7),
        BYTES(0xcf, 0, 0, 0, 0, 0, 0, 0, 0, 7),
        BYTES(0xd0, 0, 7),
        BYTES(0xd1, 0, 0, 7),
        BYTES(0xd2, 0, 0, 0, 0, 7),
        BYTES(0xd3, 0, 0, 0, 0, 0, 0, 0, 0, 7),
        BYTES(0xd4, 1, 0, 7),
        BYTES(0xd5, 1, 0, 0, 7),
        BYTES(0xd6, 1, 0, 0, 0, 0, 7),
        BYTES(0xd7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7),
        BYTES(0xd8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7),
        BYTES(0xd9, 1, 'a', 7),
        BYTES(0xda, 0, 1, 'a', 7),
        BYTES(0xdb, 0, 0, 0, 1, 'a', 7),
        BYTES(0xdc, 0, 1, 0xc0, 7),
        BYTES(0xdd, 0, 0, 0, 1, 0xc0, 7),
        BYTES(0xde, 0, 1, 1, 2, 7),
        BYTES(0xdf, 0, 0, 0, 1, 1, 2, 7),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        struct reader reader = reader_at(values[i]);
        reader_skip(&reader, 1);
        assert_int_equal(reader_u64(&reader, UINT64_MAX), 7);
        assert_false(reader.failed);
        /* Without its last byte, and the 7, it is no value. */
        reader = reader_at(span_of(values[i].data, values[i].length - 2));
        reader_skip(&reader, 1);
        assert_true(reader.failed);
    }
}

static void test_skip_refuses(void **state)
{
    (void)state;
    struct span wrong[] = {
        BYTES(0xc1, 0),                         /* never used */
        BYTES(0xdd, 0xff, 0xff, 0xff, 0xff, 0), /* more values than bytes */
        BYTES(0xdf, 0xff, 0xff, 0xff, 0xff, 0),
        BYTES(0xdb, 0xff, 0xff, 0xff, 0xff, 0),
        BYTES(0xc9, 0xff, 0xff, 0xff, 0xff, 0),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        struct reader reader = reader_at(wrong[i]);
        reader_skip(&reader, 1);
        assert_true(reader.failed);
    }
}

static void test_skip_does_not_recurse(void **state)
{
    (void)state;
    enum { DEPTH = 4 << 20 };
    unsigned char *deep = xmalloc(DEPTH);
    memset(deep, 0x91, DEPTH);
    deep[DEPTH - 1] = 0xc0;
    struct reader reader = reader_at(span_of(deep, DEPTH));
    reader_skip(&reader, 1);
    assert_false(reader.failed);
    assert_int_equal(reader_rest(&reader).length, 0);
    free(deep);
}

static void test_first_error_sticks(void **state)
{
    (void)state;
    struct reader reader = reader_at(BYTES(0xc0, 1, 0x91, 1));
    reader_u64(&reader, 9);
    assert_int_equal(reader_u64(&reader, 9), 0);
    assert_int_equal(reader_array(&reader, 9), 0);
    assert_int_equal(reader_bytes(&reader, 9).length, 0);
    reader_skip(&reader, 1);
    assert_true(reader.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64_forms),
        cmocka_unit_test(test_u64_refuses),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_array),
        cmocka_unit_test(test_skip_every_format),
        cmocka_unit_test(test_skip_refuses),
        cmocka_unit_test(test_skip_does_not_recurse),
        cmocka_unit_test(test_first_error_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
