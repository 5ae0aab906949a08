// pages.h - what the process keeps resident of the files it runs from.
#ifndef LH_BASE_PAGES_H
#define LH_BASE_PAGES_H

// Lets go of all pages of programs and libraries that nobody ever wrote to. Those in use come back
// from the system's cache, a handful at a touch; those that only the start needed stay away. Any
// thread, at any time, whatever the others do meanwhile; worth it once, after a start.
void lh_pages_let_go(void);

#endif
