/* One queue, one lock; a finished task goes to the list of its line. A line is waited on by its own thread only, and there are
 * two or three of them, so one condition serves all. */
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/i18n.h"

enum { WORKERS_MAX = 4 };

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, finished;
    struct task *ready, **ready_end;
    bool stop;
    unsigned n;
    struct worker {
        struct pool *pool;
        struct sealer *sealer;
        pthread_t thread;
    } worker[WORKERS_MAX];
};

static void finish(struct task *t) {
    struct task **end = &t->line->done;
    while (*end) end = &(*end)->next;
    t->next = NULL;
    *end = t;
    t->line->done_n++;
}

static void *work(void *arg) {
    struct worker *w = arg;
    struct pool *p = w->pool;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->ready && !p->stop) pthread_cond_wait(&p->work, &p->lock);
        if (p->stop) break;
        struct task *t = p->ready;
        if (!(p->ready = t->next)) p->ready_end = &p->ready;
        pthread_mutex_unlock(&p->lock);
        t->run(t, w->sealer);
        pthread_mutex_lock(&p->lock);
        finish(t);
        pthread_cond_broadcast(&p->finished);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

void line_give(struct line *l, struct task *t) {
    struct pool *p = l->pool;
    t->next = NULL, t->line = l;
    l->busy++;
    pthread_mutex_lock(&p->lock);
    *p->ready_end = t;
    p->ready_end = &t->next;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

struct task *line_take(struct line *l, unsigned least) {
    struct pool *p = l->pool;
    if (!l->busy) return NULL;
    if (least > l->busy) least = l->busy;
    pthread_mutex_lock(&p->lock);
    while (l->done_n < least) pthread_cond_wait(&p->finished, &p->lock);
    struct task *list = l->done;
    l->busy -= l->done_n;
    l->done = NULL, l->done_n = 0;
    pthread_mutex_unlock(&p->lock);
    return list;
}

struct pool *pool_new(unsigned workers, struct err *e) {
    struct pool *p = calloc(1, sizeof *p);
    if (!p) return err_set(e, ZE_NOMEM, NULL, _("worker threads")), NULL;
    p->ready_end = &p->ready;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->finished, NULL);
    for (; p->n < workers && p->n < WORKERS_MAX; p->n++) {
        struct worker *w = &p->worker[p->n];
        *w = (struct worker){.pool = p, .sealer = sealer_new()};
        if (w->sealer && pthread_create(&w->thread, NULL, work, w) == 0) continue;
        sealer_free(w->sealer);
        pool_free(p);
        return err_set(e, ZE_NOMEM, NULL, _("worker threads")), NULL;
    }
    return p;
}

void pool_free(struct pool *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n; i++) {
        pthread_join(p->worker[i].thread, NULL);
        sealer_free(p->worker[i].sealer);
    }
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->finished);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
