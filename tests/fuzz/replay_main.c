/* Feeds a fuzz target every file of the folders and every file named on the command line. Fails
 * when there was none: an empty corpus tests nothing. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/base.h"
#include "tests/fuzz/fuzz.h"

/* In memory of exactly the file's size, so that a sanitizer sees the first byte too many. */
static bool feed_file(const char *path)
{
    struct stat status;
    FILE *file = fopen(path, "rb");
    bool is_fed = false;
    uint8_t *data = NULL;

    if (!file || fstat(fileno(file), &status) < 0 || !S_ISREG(status.st_mode))
        goto out;
    data = xmalloc((size_t)status.st_size);
    if (fread(data, 1, (size_t)status.st_size, file) != (size_t)status.st_size)
        goto out;
    LLVMFuzzerTestOneInput(data, (size_t)status.st_size);
    is_fed = true;
out:
    free(data);
    if (file)
        fclose(file);
    if (!is_fed)
        perror(path);
    return is_fed;
}

/* The number of files, or -1. */
static int feed_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort), fed = 0;

    for (int i = 0; i < count; i++) {
        char *file = NULL;
        if (entries[i]->d_name[0] != '.' && fed >= 0) {
            ASSERT(asprintf(&file, "%s/%s", path, entries[i]->d_name) > 0);
            fed = feed_file(file) ? fed + 1 : -1;
            free(file);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return count < 0 ? -1 : fed;
}

int main(int argc, char **argv)
{
    struct stat status;
    int total = 0;

    for (int i = 1; i < argc; i++) {
        bool is_folder = stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode);
        int fed = is_folder ? feed_folder(argv[i]) : feed_file(argv[i]) ? 1 : -1;
        if (fed < 0)
            return EXIT_FAILURE;
        total += fed;
    }
    printf("%d inputs\n", total);
    return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
