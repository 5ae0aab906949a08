// uv_signal.c - signals as callbacks of the loop.
#include "env/uv_env.h"

#include "base/mem.h"

struct watcher {
  uv_signal_t handle;
  struct lh_list link;
  struct lh_uv_env *env;
  lh_signal_fn *fn;
  void *self;
};

static void on_signal(uv_signal_t *handle, int signal_number) {
  struct watcher *watcher = handle->data;
  lh_uv_event(watcher->env);
  watcher->fn(watcher->self, signal_number);
}

static void handle_closed(uv_handle_t *handle) { lh_free(handle->data); }

void lh_uv_on_signal(struct lh_env *base, int signal_number, lh_signal_fn *fn, void *self) {
  struct lh_uv_env *env = lh_uv_env_of(base);
  struct watcher *watcher = LH_NEW(struct watcher);
  watcher->env = env;
  watcher->fn = fn;
  watcher->self = self;
  lh_uv_must(uv_signal_init(&env->loop, &watcher->handle), "watching a signal");
  watcher->handle.data = watcher;
  lh_list_push(&env->signals, &watcher->link);
  lh_uv_must(uv_signal_start(&watcher->handle, on_signal, signal_number), "watching a signal");
}

void lh_uv_signals_close(struct lh_uv_env *env) {
  for (struct lh_list *link; (link = lh_list_pop(&env->signals)) != NULL;) {
    uv_close((uv_handle_t *)&LH_ENTRY(link, struct watcher, link)->handle, handle_closed);
  }
}
