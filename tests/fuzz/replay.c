/* Runs a fuzz target over the files of its corpus, without libFuzzer: what once was found stays found in
 * ordinary test runs. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(FUZZ_BYTES_MOST);

    if (!f || !bytes) {
        perror(path);
        exit(2);
    }
    size_t length = fread(bytes, 1, FUZZ_BYTES_MOST, f);
    fclose(f);
    uint8_t *exact = malloc(length + !length); /* so that a sanitizer sees a read beyond the end */
    for (size_t i = 0; exact && i < length; i++)
        exact[i] = bytes[i];
    free(bytes);
    if (exact)
        LLVMFuzzerTestOneInput(exact, length);
    free(exact);
    return 1;
}

static int replay_folder(const char *folder)
{
    DIR *d = opendir(folder);
    char path[4096];
    int count = 0;

    if (!d)
        return replay_file(folder);
    for (struct dirent *entry; (entry = readdir(d));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        count += replay_file(path);
    }
    closedir(d);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++)
        count += replay_folder(argv[i]);
    printf("%d inputs\n", count);
    return count ? 0 : 1; /* a corpus that is not there must not look like one that passes */
}
