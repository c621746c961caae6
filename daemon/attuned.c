/* The daemon's entry: arguments and role dispatch. With --role it is one of keep's children; otherwise it is keep. */
#include <attune/role.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--role") == 0) {
        if (strcmp(argv[2], "fetch") == 0)
            return fetch_main();
        if (strcmp(argv[2], "screen") == 0)
            return screen_main();
        if (strcmp(argv[2], "notify") == 0)
            return notify_main();
    }
    fprintf(stderr, "attuned: not yet\n");
    return 2;
}
