#ifndef PAGE_FILES_H
#define PAGE_FILES_H

#include <stddef.h>

/// A file of a page, compiled into the program.
struct PageFile {
  /// Below the folder of its page, such as "api.js".
  const char *name;
  const unsigned char *bytes;
  size_t count;
};

/// The files of a folder, which are there for as long as the program.
struct PageFolder {
  const char *name;
  const struct PageFile *files;
  size_t count;
};

struct PageFolder sharedPageFolder(void);
struct PageFolder towerPageFolder(void);
struct PageFolder fleetPageFolder(void);

#endif
