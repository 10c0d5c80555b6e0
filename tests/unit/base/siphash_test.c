#include "tests/unit/unit.h"

#include "common/base/siphash.h"

#define KEY0 0x0706050403020100u
#define KEY1 0x0f0e0d0c0b0a0908u

/* Of the bytes 0, 1, 2 …; made by a second implementation that gives the answer printed in the
 * paper when it is set to two and four rounds. */
static const struct {
    size_t length;
    uint64_t hash;
} answers[] = {
    {0, 0xabac0158050fc4dcu},  {1, 0xc9f49bf37d57ca93u},  {7, 0xd3927d989bb11140u},
    {8, 0x369095118d299a8eu},  {9, 0x25a48eb36c063de4u},  {15, 0xd320d86d2a519956u},
    {16, 0xcc4fdd1a7d908b66u}, {63, 0x9d199062b7bbb3a8u},
};

static void test_known_answers(void **state)
{
    (void)state;
    unsigned char input[64];
    for (size_t length = 0; length < sizeof(input); length++)
        input[length] = (unsigned char)length;
    for (size_t i = 0; i < ARRAY_LENGTH(answers); i++)
        assert_true(siphash13(span_of(input, answers[i].length), KEY0, KEY1) == answers[i].hash);
}

static void test_key_matters(void **state)
{
    (void)state;
    struct span input = span_text("edge");
    assert_true(siphash13(input, 1, 2) != siphash13(input, 2, 1));
    assert_true(siphash13(span_text(NULL), 1, 2) == siphash13(span_text(""), 1, 2));
}

/* What rendezvous hashing is for: when a candidate goes, only its subjects move. */
static void test_rendezvous(void **state)
{
    (void)state;
    int moved = 0, chosen[3] = {0};
    for (uint32_t subject = 0; subject < 3000; subject++) {
        struct span key = span_of(&subject, sizeof(subject));
        size_t best = 0, best_of_two = 0;
        for (size_t candidate = 1; candidate < 3; candidate++) {
            if (rendezvous_weight(key, candidate) > rendezvous_weight(key, best))
                best = candidate;
            if (candidate < 2 &&
                rendezvous_weight(key, candidate) > rendezvous_weight(key, best_of_two))
                best_of_two = candidate;
        }
        chosen[best]++;
        moved += best != 2 && best != best_of_two;
    }
    assert_int_equal(moved, 0);
    for (int i = 0; i < 3; i++)
        assert_in_range(chosen[i], 850, 1150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_key_matters),
        cmocka_unit_test(test_rendezvous),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
