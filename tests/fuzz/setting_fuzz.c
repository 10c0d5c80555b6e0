#include <stdlib.h>

#include "common/process/config_parse.h"
#include "common/process/mask.h"
#include "tests/fuzz/fuzz.h"

/* The first byte chooses the setting: so every kind of value is parsed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config = {0};
    struct buffer text = {0};
    if (size == 0)
        return 0;
    const struct setting *setting = &settings[data[0] % setting_count];
    char *copy = xmemdup0(data + 1, size - 1);
    free(mask_passwords(copy));
    if (setting_parse(setting, span_of(data + 1, size - 1), &config) == 0)
        setting_format(setting, &config, &text);
    setting_fini(setting, &config);
    buffer_fini(&text);
    free(copy);
    return 0;
}
