// list.h - an intrusive doubly linked list. The list owns nothing; the element holds the links.
#ifndef LH_BASE_LIST_H
#define LH_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct lh_list {
  struct lh_list *next;
  struct lh_list *prev;
};

// The element of type `type` whose member `member` is `node`.
#define LH_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void lh_list_init(struct lh_list *head) { head->next = head->prev = head; }
static inline bool lh_list_empty(const struct lh_list *head) { return head->next == head; }

static inline void lh_list_push(struct lh_list *head, struct lh_list *node) {
  node->prev = head->prev;
  node->next = head;
  head->prev->next = node;
  head->prev = node;
}

// Takes `node` out of whatever list it is in; harmless when it is in none (after lh_list_init).
static inline void lh_list_remove(struct lh_list *node) {
  node->prev->next = node->next;
  node->next->prev = node->prev;
  lh_list_init(node);
}

// The first node, taken out, or NULL.
static inline struct lh_list *lh_list_pop(struct lh_list *head) {
  if (lh_list_empty(head)) return NULL;
  struct lh_list *node = head->next;
  lh_list_remove(node);
  return node;
}

#endif
