// moves_service.c - requests about the moves of a hub's children from this node: a child that is
// ready to move, the pause, and how they stand.
#include "node/request.h"

static void answer_done(const struct request *request, int err) {
  if (err == LH_OK)
    answer_true(request);
  else
    fail(request, "not_alive", "no such hub runs on this node");
}

// The child's host says it.
static void do_migration_ready(struct request *request) {
  if (lh_service_pass_to(request, text_field(request->value, "node"))) return;
  const int err =
      lh_hubs_ready(request->node->hubs, request->now, text_field(request->value, "hub"),
                    text_field(request->value, "id"));
  if (err == LH_OK)
    answer_true(request);
  else if (err == LH_EINVAL)
    fail(request, "not_deferred", "it was not asked to move, or did not put it off");
  else
    fail(request, "not_here", "it does not run on that node just now");
}

static void do_pause(struct request *request) {
  answer_done(request, lh_hubs_pause(request->node->hubs, text_field(request->value, "hub")));
}

static void do_resume(struct request *request) {
  answer_done(request,
              lh_hubs_resume(request->node->hubs, request->now, text_field(request->value, "hub")));
}

static void do_moves(struct request *request) {
  struct lh_hub_moves moves;
  struct lh_buf out = LH_BUF_EMPTY;
  if (lh_hubs_moves(request->node->hubs, request->now, text_field(request->value, "hub"), &moves) !=
      LH_OK) {
    answer_done(request, LH_ENOTFOUND);
    return;
  }
  lh_write_map(&out, 5);
  lh_write_cstr(&out, "moving");
  lh_write_uint(&out, moves.moving);
  lh_write_cstr(&out, "paused");
  lh_write_bool(&out, moves.paused);
  lh_write_cstr(&out, "put_off");
  lh_write_uint(&out, moves.put_off);
  lh_write_cstr(&out, "quiet");
  lh_write_uint(&out, moves.quiet);
  lh_write_cstr(&out, "waiting");
  lh_write_uint(&out, moves.waiting);
  answer_buf(request, &out);
}

const struct request_kind lh_moves_kinds[] = {
    {"migration_ready", do_migration_ready, true},
    {"moves", do_moves, false},
    {"moves_pause", do_pause, false},
    {"moves_resume", do_resume, false},
    {NULL, NULL, false},
};
