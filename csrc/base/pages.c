// pages.c - see pages.h. Owns nothing.
//
// Start-up runs through much of OpenSSL, the linker and Lua once: two thirds of what is resident in
// an idle node are such pages. They are shared with the cache of the file system, so nothing is
// copied or lost; but as long as they are mapped they count for this process, and the kernel is
// slow to reclaim them.
#include "base/pages.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int let_go_of(struct dl_phdr_info *object, size_t size, void *unused) {
  (void)size, (void)unused;
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || (part->p_flags & PF_W) != 0) continue;
    const uintptr_t from = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
    const uintptr_t end = object->dlpi_addr + part->p_vaddr + part->p_filesz;
    (void)madvise((void *)from, end - from, MADV_DONTNEED);
  }
  return 0;
}

void lh_pages_let_go(void) { (void)dl_iterate_phdr(let_go_of, NULL); }
