// consent.c - children that are asked before they are moved to where they belong.
//
//   belongs elsewhere --> ASKED --ready, or it takes no part--> queued for its move, forgotten here
//                          |  ^
//             defer, silent|  |retry
//                          v  |
//                         PUT OFF --migration_ready, or the limit--> queued at the next pass
//
// A pass is one plan of the balance (balance.c): it names all that belong elsewhere, and where. Who
// is not named any more, because it ended or belongs here again, is forgotten. Nobody is asked who
// is moved by hand, nor when the node leaves, the hub closes, or a drain is at its deadline.
#include "hub/move.h"
#include "hub/quorum.h"

#include "base/log.h"
#include "base/mem.h"

struct consent {
  lh_pid pid;  // who was asked
  uint32_t target;
  bool cold;
  bool ready;        // it may go at the next pass
  bool silent;       // it did not answer when it was last asked
  lh_ms answer_by;   // LH_NEVER: no answer is waited for
  lh_ms ask_at;      // when it is asked again, LH_NEVER while it is asked
  lh_ms put_off_at;  // the first time; LH_NEVER: it was not
  uint64_t pass;
};

enum { NAMES_BYTES = 1000 };

static struct consent *find(const struct child *child) {
  struct consent *consent = lh_map_get(&child->hub->consents.asked, child->id, child->id_len);
  return consent != NULL && consent->pid == child->pid ? consent : NULL;
}

static void due_by(struct hub *hub, lh_ms at) {
  if (at < hub->consents.due) hub->consents.due = at;
}

static struct consent *open_one(struct child *child) {
  struct consents *consents = &child->hub->consents;
  struct consent *consent = LH_NEW(struct consent);
  *consent = (struct consent){
      .pid = child->pid, .answer_by = LH_NEVER, .ask_at = 0, .put_off_at = LH_NEVER};
  if (consents->asked.count == 0) consents->due = LH_NEVER;
  lh_free(lh_map_put(&consents->asked, child->id, child->id_len, consent));
  return consent;
}

void lh_consent_forget(const struct child *child) {
  lh_free(lh_map_remove(&child->hub->consents.asked, child->id, child->id_len));
}

bool lh_consent_is_put_off(const struct child *child) {
  const struct consent *consent = find(child);
  return consent != NULL && consent->put_off_at != LH_NEVER && !consent->silent;
}

static bool is_over(const struct hub *hub, const struct consent *consent, lh_ms now) {
  if (consent->put_off_at == LH_NEVER) return false;
  return now - consent->put_off_at >= hub->config.consent.limit_ms || LH_PLANTED(put_off_is_moved);
}

static void ask(struct child *child, lh_ms now, struct consent *consent) {
  struct lh_hubs *hubs = child->hub->all;
  consent->ask_at = LH_NEVER;
  consent->answer_by = now + child->hub->config.consent.timeout_ms;
  due_by(child->hub, consent->answer_by);
  hubs->ops->consent(hubs->ops_self, child->token, child->pid);
}

static void put_off(struct hub *hub, lh_ms now, struct lh_bytes id, struct consent *consent,
                    bool silent) {
  struct consents *consents = &hub->consents;
  consent->answer_by = LH_NEVER;
  consent->silent = silent;
  consent->ask_at = now + hub->config.consent.retry_ms;
  due_by(hub, consent->ask_at);
  if (consent->put_off_at != LH_NEVER) return;
  consent->put_off_at = now;
  due_by(hub, now + hub->config.consent.limit_ms);
  lh_write_str(&consents->fresh, id.data, id.len);
  consents->fresh_count++;
}

static void note_forced(struct child *child) {
  struct consents *consents = &child->hub->consents;
  consents->forced_count++;
  if (consents->forced.len + child->id_len > NAMES_BYTES) return;
  if (consents->forced.len > 0) lh_buf_append(&consents->forced, ", ", 2);
  lh_buf_append(&consents->forced, child->id, child->id_len);
}

static bool is_asked_for(const struct hub *hub) {
  return hub->config.consent.timeout_ms > 0 && !hub->closing && !hub->all->leaving;
}

bool lh_consent_may(struct child *child, lh_ms now, uint32_t target, bool cold) {
  struct hub *hub = child->hub;
  const bool queued = child->trouble != NULL && child->trouble->queued;
  if (!is_asked_for(hub) || child->phase != PHASE_RUNNING || queued) return true;
  struct consent *consent = find(child);
  if (lh_drain_forces(hub)) {
    if (consent != NULL) note_forced(child);
    lh_consent_forget(child);
    return true;
  }
  if (consent == NULL) consent = open_one(child);
  consent->target = target;
  consent->cold = cold;
  consent->pass = hub->consents.pass;
  const bool over = is_over(hub, consent, now);
  if (over && !consent->ready) note_forced(child);
  if (over || consent->ready) {
    lh_consent_forget(child);
    return true;
  }
  if (now >= consent->ask_at) ask(child, now, consent);
  return false;
}

uint64_t lh_consent_begin(struct hub *hub) { return ++hub->consents.pass; }

void lh_consent_end(struct hub *hub, uint64_t pass) {
  struct consents *consents = &hub->consents;
  for (size_t i = consents->asked.count; i > 0; i--) {
    const struct lh_map_entry *entry = &consents->asked.entries[i - 1];
    const struct consent *consent = entry->value;
    if (consent->pass < pass) lh_free(lh_map_remove(&consents->asked, entry->key, entry->key_len));
  }
  if (consents->forced_count > 0) {
    lh_log(LH_LOG_WARN, "hub",
           "hub %.*s: %zu children that put off their move have had their time and are moved: %.*s",
           (int)hub->config.id.len, (const char *)hub->config.id.data, consents->forced_count,
           (int)consents->forced.len, (const char *)consents->forced.data);
  }
  consents->forced_count = 0;
  lh_buf_free(&consents->forced);
}

// --- answers ---
static bool goes_now(const struct hub *hub, struct child *child, const struct consent *consent) {
  return lh_move_may(child) && !lh_pace_holds(hub) && hub->all->view.agreed && lh_quorum_may(hub) &&
         lh_view_find(hub->all, consent->target) != NULL;
}

static void is_ready(struct hub *hub, lh_ms now, struct child *child, struct consent *consent) {
  const uint32_t target = consent->target;
  const bool cold = consent->cold;
  consent->ready = true;
  due_by(hub, now);
  if (!goes_now(hub, child, consent)) return;
  lh_consent_forget(child);
  lh_balance_queue(child, target, cold);
}

void lh_hubs_consented(struct lh_hubs *hubs, lh_ms now, uint64_t token, lh_pid pid, int status) {
  struct child *child = lh_host_by_token(hubs, token);
  if (child == NULL || lh_pid_local(child->pid) != lh_pid_local(pid)) return;
  struct consent *consent = find(child);
  if (consent == NULL) return;
  consent->answer_by = LH_NEVER;
  if (status == LH_EAGAIN)
    put_off(child->hub, now, lh_bytes(child->id, child->id_len), consent, false);
  else
    is_ready(child->hub, now, child, consent);
}

int lh_hubs_ready(struct lh_hubs *hubs, lh_ms now, struct lh_bytes hub_id, struct lh_bytes id) {
  struct hub *hub = lh_hub_find(hubs, hub_id);
  struct child *child = hub != NULL ? lh_host_child(hub, id) : NULL;
  if (child == NULL) return LH_ENOTFOUND;
  struct consent *consent = find(child);
  if (consent == NULL) return LH_EINVAL;
  consent->ready = true;  // where it goes is found anew
  due_by(hub, now);
  return LH_OK;
}

// --- time and turns ---
static bool is_due(const struct hub *hub, const struct consent *consent, lh_ms now) {
  return consent->ready || now >= consent->ask_at || is_over(hub, consent, now);
}

static lh_ms next_look(const struct hub *hub, lh_ms now) {
  const struct lh_map *asked = &hub->consents.asked;
  lh_ms next = LH_NEVER;
  for (size_t i = 0; i < asked->count; i++) {
    const struct consent *consent = asked->entries[i].value;
    const lh_ms over = consent->put_off_at == LH_NEVER
                           ? LH_NEVER
                           : consent->put_off_at + hub->config.consent.limit_ms;
    if (consent->answer_by < next) next = consent->answer_by;
    if (consent->ask_at < next) next = consent->ask_at;
    if (over < next) next = over;
  }
  return next > now ? next : now + LH_BALANCE_MS;
}

static void look(struct hub *hub, lh_ms now) {
  struct lh_hubs *hubs = hub->all;
  const struct lh_map *asked = &hub->consents.asked;
  bool plan = false;
  for (size_t i = 0; i < asked->count; i++) {
    const struct lh_map_entry *entry = &asked->entries[i];
    struct consent *consent = entry->value;
    if (now >= consent->answer_by)
      put_off(hub, now, lh_bytes(entry->key, entry->key_len), consent, true);
    plan = plan || is_due(hub, consent, now);
  }
  if (plan && hubs->view.agreed && hubs->view.settled && lh_quorum_may(hub))
    lh_balance_hub(hub, now);
  hub->consents.due = next_look(hub, now);
}

void lh_consent_tick(struct lh_hubs *hubs, lh_ms now) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    struct hub *hub = hubs->hubs[i];
    if (hub->consents.asked.count > 0 && now >= hub->consents.due) look(hub, now);
  }
}

lh_ms lh_consent_due(const struct lh_hubs *hubs) {
  lh_ms due = LH_NEVER;
  for (size_t i = 0; i < hubs->hub_count; i++) {
    const struct consents *consents = &hubs->hubs[i]->consents;
    if (consents->asked.count > 0 && consents->due < due) due = consents->due;
  }
  return due;
}

void lh_consent_turn(struct lh_hubs *hubs) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    struct consents *consents = &hubs->hubs[i]->consents;
    if (consents->fresh_count == 0) continue;
    lh_event_put_off(hubs->hubs[i], lh_bytes_of(&consents->fresh), consents->fresh_count);
    consents->fresh_count = 0;
    lh_buf_free(&consents->fresh);
  }
}

void lh_consent_free(struct consents *consents) {
  for (size_t i = 0; i < consents->asked.count; i++) lh_free(consents->asked.entries[i].value);
  lh_map_free(&consents->asked);
  lh_buf_free(&consents->fresh);
  lh_buf_free(&consents->forced);
}
