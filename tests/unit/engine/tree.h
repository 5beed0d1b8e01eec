/* Takes a test's folder away, whatever is in it. */
#ifndef TESTS_ENGINE_TREE_H
#define TESTS_ENGINE_TREE_H

#include <ftw.h>
#include <stdio.h>

static inline int remove_one(const char *path, const struct stat *unused, int type, struct FTW *where)
{
    return remove(path);
}

static inline void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
