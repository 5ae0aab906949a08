// fault_plan.c - the text of a fault plan, and whether it cuts a way (fault.h). No file, no thread.
#include "env/fault.h"

#ifdef LH_PLANTS

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

// False when the line is not a cut.
static bool parse_cut(struct lh_fault_cut *cut, const char *line) {
  char from[LH_ADDR_TEXT_MAX];
  char to[LH_ADDR_TEXT_MAX];
  char more;
  if (sscanf(line, "cut %63s %63s %c", from, to, &more) != 2) return false;
  return lh_addr_parse(&cut->from, from) == 0 && lh_addr_parse(&cut->to, to) == 0;
}

static void add(struct lh_fault_plan *plan, const struct lh_fault_cut *cut) {
  plan->cuts = lh_realloc(plan->cuts, (plan->count + 1) * sizeof *cut);
  plan->cuts[plan->count++] = *cut;
}

int lh_fault_plan_parse(struct lh_fault_plan *plan, char *text, struct lh_error *error) {
  plan->count = 0;
  for (size_t number = 1; text != NULL; number++) {
    const char *line = strsep(&text, "\n");
    struct lh_fault_cut cut;
    if (*line == '\0') continue;
    if (!parse_cut(&cut, line)) {
      return lh_fail(error, LH_EINVAL, "line %zu is '%s', expected cut HOST:PORT HOST:PORT", number,
                     line);
    }
    add(plan, &cut);
  }
  return 0;
}

bool lh_fault_plan_cuts(const struct lh_fault_plan *plan, const struct lh_addr *from,
                        const struct lh_addr *to) {
  for (size_t i = 0; i < plan->count; i++) {
    const struct lh_fault_cut *cut = &plan->cuts[i];
    if (lh_addr_equal(&cut->from, from) && lh_addr_equal(&cut->to, to)) return true;
  }
  return false;
}

void lh_fault_plan_free(struct lh_fault_plan *plan) {
  lh_free(plan->cuts);
  *plan = (struct lh_fault_plan){0};
}

#else
typedef int lh_fault_plans_are_not_built;  // a file must have something in it
#endif
