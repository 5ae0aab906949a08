// uv_post.c - functions that other threads hand to the loop's thread.
//
// One wake-up serves all that is posted until the loop looks; while the loop is awake nobody wakes
// it, for it looks at the queue before it may sleep.
#include "env/uv_env.h"

#include "base/mem.h"

static void append(struct lh_uv_posts *posts, struct lh_uv_post post) {
  if (posts->count == posts->cap) {
    posts->cap = posts->cap > 0 ? posts->cap * 2 : 64;
    posts->items = lh_realloc(posts->items, posts->cap * sizeof post);
  }
  posts->items[posts->count++] = post;
}

int lh_uv_post(struct lh_env *base, void (*fn)(void *data), void *data) {
  struct lh_uv_env *env = lh_uv_env_of(base);
  (void)pthread_mutex_lock(&env->lock);
  const bool ended = env->ended;
  const bool wake = env->asleep && !ended;
  if (!ended) append(&env->posts, (struct lh_uv_post){fn, data});
  if (wake) env->asleep = false;
  (void)pthread_mutex_unlock(&env->lock);
  if (wake) (void)uv_async_send(&env->wake);
  return ended ? LH_ECLOSED : 0;
}

static struct lh_uv_posts take(struct lh_uv_env *env, bool last) {
  (void)pthread_mutex_lock(&env->lock);
  const struct lh_uv_posts posts = env->posts;
  env->posts = (struct lh_uv_posts){0};
  if (last) env->ended = true;
  (void)pthread_mutex_unlock(&env->lock);
  return posts;
}

static void run_all(struct lh_uv_posts posts) {
  for (size_t i = 0; i < posts.count; i++) posts.items[i].fn(posts.items[i].data);
  lh_free(posts.items);
}

// What is posted meanwhile waits for the next turn, so that sockets are read in between.
void lh_uv_posts_run(struct lh_uv_env *env) { run_all(take(env, false)); }

void lh_uv_posts_end(struct lh_uv_env *env) { run_all(take(env, true)); }
