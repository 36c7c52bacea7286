/* Gives each file named to a fuzz target, as libFuzzer would. */
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *name)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL)
        return 1;
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    uint8_t *data = size >= 0 ? malloc((size_t)size + 1) : NULL; /* a target may be handed no bytes at an address */
    rewind(file);
    int failed = data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size;
    fclose(file);
    if (!failed)
        LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    return failed;
}

int main(int count, char **names)
{
    for (int i = 1; i < count; i++) {
        fprintf(stderr, "%s\n", names[i]);
        if (replay(names[i]) != 0)
            return 1;
    }
    return count > 1 ? 0 : 1;
}
