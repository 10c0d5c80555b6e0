#include "tests/bench/message.h"

#include "tests/bench/fail.h"

enum { FILLINGS = 64, SOURCE_DIGITS = 4, NUMBER_DIGITS = 6 };

static const char *filling(uint32_t source, uint32_t number)
{
    static char letters[MESSAGE_BYTES_MAX + FILLINGS];
    if (!letters[0])
        for (size_t i = 0; i < sizeof letters; i++)
            letters[i] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ."[i % FILLINGS];
    return letters + (source * 7 + number) % FILLINGS;
}

static void write_hexadecimal(char *place, unsigned digits, uint32_t value)
{
    while (digits-- > 0) {
        place[digits] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

static uint32_t read_hexadecimal(const char *place, unsigned digits)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < digits; i++) {
        char c = place[i];
        bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && !(c >= 'a' && c <= 'f'))
            fail("a message does not begin as one of ours: %.10s", place);
        value = value << 4 | (uint32_t)(is_digit ? c - '0' : c - 'a' + 10);
    }
    return value;
}

void message_write(char *place, size_t size, uint32_t source, uint32_t number)
{
    ASSERT(size >= MESSAGE_BYTES_MIN && size <= MESSAGE_BYTES_MAX);
    write_hexadecimal(place, SOURCE_DIGITS, source);
    write_hexadecimal(place + SOURCE_DIGITS, NUMBER_DIGITS, number);
    memcpy(place + MESSAGE_BYTES_MIN, filling(source, number), size - MESSAGE_BYTES_MIN);
}

void message_read(struct span data, size_t size, uint32_t *ret_source, uint32_t *ret_number)
{
    if (data.length != size)
        fail("a message of %zu bytes came back with %zu", size, data.length);
    uint32_t source = read_hexadecimal(data.data, SOURCE_DIGITS);
    uint32_t number = read_hexadecimal(data.data + SOURCE_DIGITS, NUMBER_DIGITS);
    if (memcmp(data.data + MESSAGE_BYTES_MIN, filling(source, number), size - MESSAGE_BYTES_MIN) !=
        0)
        fail("message %u of %u was changed on its way", number, source);
    *ret_source = source;
    *ret_number = number;
}
