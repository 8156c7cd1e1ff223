/* The table of kinds, and their texts. Both languages stand in the table, not in a catalogue: one process speaks both at once,
 * and gettext speaks one. */
#include "notify/notice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const struct notice_kind kinds[] = {
    {"job.failed", SEV_ALARM, "备份任务失败", "backup job failed"},
    {"job.missed", SEV_ALARM, "备份任务未在时间窗口内执行", "backup job did not run in its window"},
    {"job.partial", SEV_WARNING, "备份任务部分完成", "backup job finished, some files were not read"},
    {"host.silent", SEV_ALARM, "主机失联", "host has not called in"},
    {"host.rpo", SEV_ALARM, "超出恢复点目标 (RPO)", "recovery point objective (RPO) is not met"},
    {"vault.unreachable", SEV_ALARM, "无法连接存储库", "the vault cannot be reached"},
    {"vault.capacity", SEV_WARNING, "存储库容量告警", "the vault fills up"},
    {"vault.damage", SEV_ALARM, "存储库中发现损坏", "damage was found in the vault"},
    {"vault.behind", SEV_ALARM, "存储库缺少曾经有过的记录", "the vault no longer has what it has shown before"},
    {"vault.clock", SEV_ALARM, "存储库时间可疑，需两名审批人确认",
        "the vault's time is in doubt; two approvers must confirm it"},
    {"audit.changed", SEV_ALARM, "审计记录被改动", "the audit was changed"},
    {"plan.unreadable", SEV_ALARM, "计划无法读取，备份未排定", "a plan cannot be read and its backups do not run"},
    {"plan.overdue", SEV_WARNING, "审批步骤逾期", "a step of an approval is overdue"},
    {"drill.red", SEV_ALARM, "灾备演练未通过", "a drill did not pass"},
    {"drill.overdue", SEV_WARNING, "灾备演练逾期", "a drill is overdue"},
    {"drill.grant", SEV_INFO, "灾备演练等待使用单位授权", "a drill waits for the department's grant"},
    {"drill.forecast", SEV_WARNING, "按实测速度将超出恢复时间目标 (RTO)",
        "at the measured speed the recovery time objective (RTO) would be missed"},
    {"restore.failed", SEV_ALARM, "恢复失败", "a restore failed"},
    {"migrate.window", SEV_WARNING, "回退窗口即将结束", "the end of a rollback window comes near"},
    {"migrate.verify", SEV_ALARM, "回退窗口内的恢复点未通过复验", "a restore point of a rollback window did not pass its check"},
    {"calendar.year", SEV_WARNING, "缺少下一年度的节假日安排", "next year's table of holidays is missing"},
    {"test", SEV_INFO, "测试消息", "test message"},
};

const struct notice_kind *notice_kind_of(const char *name) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, name)) return &kinds[i];
    return NULL;
}

const struct notice_kind *notice_kinds(size_t i) { return i < sizeof kinds / sizeof *kinds ? &kinds[i] : NULL; }

bool notice_matches(const char *kind, const char *pattern) {
    size_t n = strlen(pattern);
    return !strcmp(pattern, "all") || (!strncmp(kind, pattern, n) && (!kind[n] || kind[n] == '.'));
}

const char *severity_name(enum severity s) { return s == SEV_ALARM ? "alarm" : s == SEV_WARNING ? "warning" : "info"; }

static void put(struct buf *b, const char *s) { buf_put(b, s, strlen(s)); }

/* Text from elsewhere: one line, nothing that steers a terminal or a mail. */
static void put_line(struct buf *b, const char *s) {
    for (; *s; s++) buf_u8(b, (uint8_t)((unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s));
}

static const char *severity_zh(enum severity s) { return s == SEV_ALARM ? "告警" : s == SEV_WARNING ? "警告" : "信息"; }

static void put_title(const struct notice *n, bool zh, struct buf *b) {
    if (n->resolved) put(b, zh ? "已恢复：" : "resolved: ");
    put(b, zh ? n->kind->zh : n->kind->en);
}

void notice_subject(const struct notice *n, enum language l, struct buf *b) {
    put(b, "[Zaibei ");
    put(b, n->resolved ? "ok" : severity_name(n->kind->severity));
    put(b, "] ");
    if (l != LANG_EN) put_title(n, true, b);
    if (l == LANG_BOTH) put(b, " / ");
    if (l != LANG_ZH) put_title(n, false, b);
    if (*n->object) put(b, ": "), put_line(b, n->object);
}

static void put_field(struct buf *b, const char *name, const char *value) {
    put(b, "  ");
    put_line(b, name);
    put(b, ": ");
    put_line(b, value);
    put(b, "\n");
}

static void put_detail(struct buf *b, const struct js *detail) {
    const struct js *v;
    const char *key;
    for (size_t i = 0; (key = js_member(detail, i, &v)); i++) {
        char *text = js_text(v) ? NULL : js_dump(v);
        put_field(b, key, text ? text : js_text(v));
        free(text);
    }
}

static void put_part(const struct notice *n, bool zh, const char *place, struct buf *b) {
    char when[32];
    text_time(when, n->time_ns);
    put_title(n, zh, b);
    put(b, "\n");
    if (*n->object) put_field(b, zh ? "对象" : "object", n->object);
    if (*n->department) put_field(b, zh ? "使用单位" : "department", n->department);
    put_field(b, zh ? "级别" : "severity", zh ? severity_zh(n->kind->severity) : severity_name(n->kind->severity));
    put_field(b, zh ? "时间" : "time", when);
    put_field(b, zh ? "来自" : "from", place);
}

void notice_body(const struct notice *n, enum language l, const char *place, struct buf *b) {
    if (l != LANG_EN) put_part(n, true, place, b);
    if (l == LANG_BOTH) put(b, "\n");
    if (l != LANG_ZH) put_part(n, false, place, b);
    if (js_count(n->detail)) put(b, "\n");
    put_detail(b, n->detail);
}

struct js *notice_json(const struct notice *n, const char *place) {
    struct js *j = js_object();
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", "notice");
    js_set_int(j, "id", n->id);
    js_set_str(j, "kind", n->kind->name);
    js_set_str(j, "severity", severity_name(n->kind->severity));
    js_set_bool(j, "resolved", n->resolved);
    js_set_str(j, "object", n->object);
    js_set_str(j, "department", n->department);
    js_set_time(j, "time", n->time_ns);
    js_set_str(j, "title_zh", n->kind->zh);
    js_set_str(j, "title_en", n->kind->en);
    js_set_str(j, "from", place);
    js_set(j, "detail", n->detail ? js_copy(n->detail) : js_object());
    return j;
}
