/* The forms' fields. The wording is that of the Kaifeng forms (汴政办〔2019〕46号, annexes 1 to 3), the order that of the paper,
 * so that the printed form is this table walked once. Fields of no form say how the platform does what the form asks. */
#include "plan/form.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "wrap/json.h"

#define A FORM_APPROVAL
#define C FORM_CHANGE
#define X FORM_CANCEL
#define W(...)                    \
    (const struct field_word[]) { \
        __VA_ARGS__, { 0 }        \
    }
#define YES_NO(yes, y, no, n) W({"true", yes, y}, {"false", no, n})
#define DAILY W({"full", "全备", "full"}, {"incremental", "增量", "incremental"})
#define PIECES W({"", "个", ""})
#define LEVELS W({"1", "内容", "content"}, {"2", "服务", "service"}, {"4", "整机", "machine"})
#define LEVELS_ASKED W({"2", "服务", "service"}, {"4", "整机", "machine"})
#define GIGABYTES W({"GB", "GB", "GB"})

/* clang-format off */
static const struct field fields[] = {
    {"name", "策略名称", "Plan", 0, CELL_NONE, FIELD_NAME, .required = true, .asked = true},
    {"department", "申请单位（部门）|变更单位（部门）|注销单位（部门）", "Applying department|Changing department|Cancelling department",
        A | C | X, CELL_WIDE, FIELD_TEXT, .carried = true, .asked = true,
        .note = "text; who belongs to it sees the plan, its hosts and jobs"},
    {"applicant", "单位负责人", "Head of the department", A | C | X, CELL_HALF, FIELD_TEXT, .carried = true, .asked = true},
    {"applied", "申请日期", "Date of application", A | C | X, CELL_HALF, FIELD_DATE, .carried = true, .asked = true},
    {"technical_contact", "", "", A | C | X, CELL_NONE, FIELD_MAP},
    {"technical_contact.name", "技术负责人", "Technical contact", A | C | X, CELL_HALF, FIELD_TEXT, .carried = true,
        .asked = true},
    {"technical_contact.phone", "联系电话", "Telephone", A | C | X, CELL_HALF, FIELD_TEXT, .carried = true, .asked = true},
    {"technical_contact.mail", "电子邮件", "Mail", 0, CELL_NONE, FIELD_TEXT, .carried = true, .asked = true},
    {"purpose", "申请用途", "Purpose", A, CELL_HALF, FIELD_TEXT, .carried = true, .asked = true},
    {"period", "使用周期", "Period of use", A, CELL_HALF, FIELD_PERIOD, .carried = true, .asked = true, .def = "long"},
    {"delivery", "交付时间", "Date of delivery", A, CELL_HALF, FIELD_DATE, .carried = true, .asked = true},
    {"change", "", "", C, CELL_NONE, FIELD_MAP,
        .note = "what the change form asks besides; in a plan that changes an older one"},
    {"change.date", "变更日期", "Date of change", C, CELL_HALF, FIELD_DATE, .carried = true},
    {"change.types", "变更类型", "Kind of change", C, CELL_HALF, FIELD_CHOICES, .carried = true,
        .words = W({"reconfigure", "更改配置", "reconfigure"}, {"add", "增资源", "add resources"},
            {"reduce", "减资源", "reduce resources"})},
    {"cancel", "", "", X, CELL_NONE, FIELD_MAP, .note = "what the cancellation form asks"},
    {"cancel.date", "注销时间", "Date of cancellation", X, CELL_HALF, FIELD_DATE, .carried = true},
    {"notify", "通知方式", "Notify by", A | X, CELL_HALF, FIELD_CHOICES, .carried = true, .asked = true,
        .words = W({"mail", "邮件", "mail"}, {"phone", "电话", "telephone"}, {"on-site", "现场", "on site"})},
    {"resources", "", "", A | C, CELL_NONE, FIELD_MAP},
    {"resources.kinds", "使用资源", "Resources used", A, CELL_WIDE, FIELD_CHOICES, .carried = true, .asked = true,
        .words = W({"hardware", "硬件", "hardware"}, {"storage", "存储", "storage"}, {"database", "数据库", "database"},
            {"common-software", "共性软件", "common software"}, {"website-group", "网站群", "group of websites"})},
    {"reason", "申请原因", "Reason", A, CELL_WIDE, FIELD_TEXT, .carried = true, .asked = true},
    {"change.reason", "变更原因", "Reason", C, CELL_WIDE, FIELD_TEXT, .carried = true},
    {"cancel.reason", "注销原因", "Reason", X, CELL_WIDE, FIELD_TEXT, .carried = true},
    {"stamp.applicant", "（签章）：", "(signature and stamp):", A | C | X, CELL_SAME, FIELD_STAMP},
    {"", "资源配置|变更内容|注销后需保留资源", "Resources|What changes|What is kept after the cancellation", A | C | X, CELL_WIDE,
        FIELD_HEAD},
    {"resources.cpu", "CPU 数量", "CPUs", A, CELL_HALF, FIELD_TEXT, .carried = true, .asked = true},
    {"change.cpu", "CPU 数量", "CPUs", C, CELL_HALF, FIELD_DELTA, .carried = true, .words = PIECES},
    {"resources.memory", "内存容量", "Memory", A, CELL_HALF, FIELD_TEXT, .carried = true, .asked = true},
    {"change.memory", "内存容量", "Memory", C, CELL_HALF, FIELD_DELTA, .carried = true, .words = GIGABYTES},
    {"resources.disk", "磁盘容量", "Disk", A, CELL_HALF, FIELD_TEXT, .carried = true, .asked = true},
    {"change.disk", "磁盘容量", "Disk", C, CELL_HALF, FIELD_DELTA, .carried = true, .words = GIGABYTES},
    {"backup", "备份", "Backup", A | C, CELL_HALF, FIELD_BOOL, .asked = true, .def = "true",
        .words = YES_NO("需要", "needed", "不需要", "not needed")},
    {"resources.nics", "网卡数量", "Network cards", A, CELL_HALF, FIELD_TEXT, .carried = true, .asked = true},
    {"change.nics", "网卡数量", "Network cards", C, CELL_HALF, FIELD_DELTA, .carried = true, .words = PIECES},
    {"resources.ip", "IP 地址", "IP addresses", A, CELL_HALF, FIELD_TEXTS, .carried = true, .asked = true},
    {"change.public_ips", "公网 IP 数", "Public IP addresses", C, CELL_HALF, FIELD_NUMBER, .carried = true, .max = 65536},
    {"resources.os", "操作系统", "Operating system", A | C, CELL_HALF, FIELD_TEXT, .carried = true, .asked = true},
    {"resources.components", "基本组件", "Components", A | C, CELL_HALF, FIELD_TEXTS, .carried = true, .asked = true},
    {"resources.ports", "开放端口", "Open ports", A | C, CELL_HALF, FIELD_TEXTS, .carried = true, .asked = true},
    {"resources.other", "其它", "Other", A | C, CELL_HALF, FIELD_TEXT, .carried = true, .asked = true},
    {"resources.auto_update_off", "系统自动更新关闭", "Automatic updates off", A, CELL_SAME, FIELD_BOOL, .carried = true,
        .asked = true, .def = "false",
        .words = W({"true", "系统是否自动更新关闭", "automatic updates are off"}, {"false", NULL, "they are on"})},
    {"", "备份需求", "Backup", A, CELL_WIDE, FIELD_HEAD},
    {"method", "备份方式", "Method", A | C, CELL_HALF, FIELD_CHOICES, .carried = true, .asked = true, .def = "online",
        .words = W({"offline", "离线", "offline"}, {"online", "在线", "online"})},
    {"content", "备份内容", "What is backed up", A, CELL_HALF, FIELD_MAP},
    {"content.paths", "路径", "paths", A, CELL_SAME, FIELD_PATHS, .asked = true,
        .note = "list of absolute paths; with backup required, unless there are commands"},
    {"content.excludes", "不含", "without", A, CELL_SAME, FIELD_TEXTS, .asked = true, .note = "list of patterns"},
    {"content.cross", "跨文件系统", "other file systems", 0, CELL_NONE, FIELD_BOOL, .words = YES_NO("是", "yes", "否", "no"),
        .note = "`true`: what is mounted below the paths too; `false` unless it is said"},
    {"content.exclude_caches", "不含缓存", "without caches", 0, CELL_NONE, FIELD_BOOL, .words = YES_NO("是", "yes", "否", "no"),
        .note = "`true`: nothing of a directory with a CACHEDIR.TAG; `false` unless it is said"},
    {"content.reread", "全部重读", "read all again", 0, CELL_NONE, FIELD_BOOL, .words = YES_NO("是", "yes", "否", "no"),
        .note = "`true`: every file is read each time, whatever its times say; `false` unless it is said"},
    {"content.patience", "等待时限", "patience", 0, CELL_NONE, FIELD_SPAN,
        .note = "`30s`, at most `1h`: for one answer of a network file system"},
    {"content.commands", "命令输出", "output of commands", A, CELL_SAME, FIELD_MAPS,
        .note = "list: commands whose output is stored as a file, each an entry of the host's own allow-list"},
    {"content.commands.name", "名称", "name", 0, CELL_NONE, FIELD_NAME, .required = true,
        .note = "name of the entry in the host's agent.yaml"},
    {"content.commands.least", "至少", "at least", 0, CELL_NONE, FIELD_SIZE,
        .note = "a shorter output is a failure: `1 MiB`"},
    {"content.commands.timeout", "时限", "time limit", 0, CELL_NONE, FIELD_SPAN,
        .note = "`30m`; a shorter one of the host holds"},
    {"offline_place", "离线放置地", "Place of offline copies", C, CELL_HALF, FIELD_CHOICE, .carried = true,
        .words = W({"user", "用户自存", "kept by the user"}, {"platform", "市政务云", "at the platform"}),
        .note = "only with `method: offline`"},
    {"strategy", "备份策略", "Strategy", A | C, CELL_HALF, FIELD_MAP, .note = "with backup at least one of them"},
    {"strategy.daily", "每日", "daily", A | C, CELL_SAME, FIELD_CHOICE, .asked = true, .words = DAILY},
    {"strategy.weekly", "每周", "weekly", A | C, CELL_SAME, FIELD_CHOICE, .asked = true, .words = DAILY},
    {"strategy.monthly", "每月", "monthly", A | C, CELL_SAME, FIELD_CHOICE, .asked = true, .words = DAILY},
    {"other", "其它需求", "Other needs", A, CELL_HALF, FIELD_TEXT, .carried = true, .asked = true},
    {"change.other", "其它变更", "Other changes", C, CELL_HALF, FIELD_TEXT, .carried = true},
    {"cancel.keep_backups", "备份", "Backups", X, CELL_HALF, FIELD_BOOL,
        .words = YES_NO("保留", "keep", "不保留", "do not keep")},
    {"cancel.keep_vm_files", "虚拟机文件", "Files of the VM", X, CELL_HALF, FIELD_BOOL,
        .words = YES_NO("保留", "keep", "不保留", "do not keep")},
    {"cancel.place", "保留所在地", "Kept where", X, CELL_WIDE, FIELD_CHOICE,
        .words = W({"self", "自主保留", "by the department itself"}, {"platform", NULL, "at the platform"})},
    {"", "部门审核", "Review by the office", A | C | X, CELL_WIDE, FIELD_HEAD},
    {"review", "", "", A | C | X, CELL_NONE, FIELD_STEP},
    {"review.opinion", "审核意见", "Opinion", A | C | X, CELL_WIDE, FIELD_STEP},
    {"stamp.office", "（签章）：", "(signature and stamp):", A | C | X, CELL_SAME, FIELD_STAMP},
    {"review.reviewer", "审核人", "Reviewer", A | C | X, CELL_HALF, FIELD_STEP},
    {"review.date", "日期", "Date", A | C | X, CELL_HALF, FIELD_STEP},

    {"system", "信息系统", "Information system", 0, CELL_NONE, FIELD_NAME, .required = true, .asked = true},
    {"hosts", "主机", "Hosts", 0, CELL_NONE, FIELD_NAMES, .required = true, .asked = true,
        .note = "list of host names, at most 1000"},
    {"schedule", "执行时间", "Schedule", 0, CELL_NONE, FIELD_MAP},
    {"schedule.zone", "时区", "zone", 0, CELL_NONE, FIELD_OWN, .asked = true,
        .hint = N_("a time zone such as Asia/Shanghai"),
        .note = "`Asia/Shanghai`, `UTC`, `UTC+08:00`; without it that of zaibeid.yaml"},
    {"schedule.window", "时间窗", "window", 0, CELL_NONE, FIELD_OWN, .asked = true, .def = "01:00-05:00",
        .hint = N_("a start window such as 01:00-05:00"),
        .note = "when a run may start; `22:00-04:00` crosses midnight"},
    {"schedule.weekly_day", "每周执行日", "day of the week", 0, CELL_NONE, FIELD_OWN, .asked = true, .def = "sun",
        .hint = N_("mon, tue, wed, thu, fri, sat or sun"), .note = "`mon` … `sun`"},
    {"schedule.monthly_day", "每月执行日", "day of the month", 0, CELL_NONE, FIELD_NUMBER, .asked = true, .min = 1,
        .max = 31, .def = "1", .note = "1 … 31; in shorter months the last day"},
    {"schedule.events", "定时", "events", 0, CELL_NONE, FIELD_OWN, .hint = N_("a list of events"),
        .note = "list: runs at times of their own (see below)"},
    {"schedule.once", "一次性备份", "once", 0, CELL_NONE, FIELD_OWN, .hint = N_("a list of runs that happen once"),
        .note = "list: runs that happen once, also before a holiday (see below)"},
    {"schedule.freeze", "停止备份期", "freeze", 0, CELL_NONE, FIELD_OWN, .hint = N_("a list of freezes"),
        .note = "list: days on which no run starts (see below)"},
    {"keep", "保留规则", "Keep", 0, CELL_NONE, FIELD_OWN, .hint = N_("rules such as {daily: 14, monthly: 12}"),
        .note = "how many points are kept above the least time (see below)"},
    {"retention_days", "最短保存天数", "Days kept at least", 0, CELL_NONE, FIELD_NUMBER, .asked = true, .min = 1,
        .max = 36500, .def = "90"},
    {"targets", "恢复目标", "Targets", 0, CELL_NONE, FIELD_MAP},
    {"targets.rpo", "RPO", "RPO", 0, CELL_NONE, FIELD_SPAN, .asked = true},
    {"targets.rto", "RTO", "RTO", 0, CELL_NONE, FIELD_SPAN, .asked = true},
    {"hooks", "前后处理", "Commands around a run", 0, CELL_NONE, FIELD_MAP,
        .note = "entries of the host's own allow-list; a plan names no commands"},
    {"hooks.pre", "备份前", "before", 0, CELL_NONE, FIELD_MAPS, .note = "list"},
    {"hooks.pre.name", "名称", "name", 0, CELL_NONE, FIELD_NAME, .required = true,
        .note = "name of the entry in the host's agent.yaml"},
    {"hooks.pre.timeout", "时限", "time limit", 0, CELL_NONE, FIELD_SPAN,
        .note = "`30s`, `10m`; a shorter one of the host holds"},
    {"hooks.post", "备份后", "after", 0, CELL_NONE, FIELD_MAPS, .note = "list; they run also after a failed run"},
    {"hooks.post.name", "名称", "name", 0, CELL_NONE, FIELD_NAME, .required = true,
        .note = "name of the entry in the host's agent.yaml"},
    {"hooks.post.timeout", "时限", "time limit", 0, CELL_NONE, FIELD_SPAN,
        .note = "`30s`, `10m`; a shorter one of the host holds"},
    {"recovery", "恢复与演练", "Recovery", 0, CELL_NONE, FIELD_MAP,
        .note = "how the system is brought back and what proves it; in one plan of a system (see below)"},
    {"recovery.gateway", "网关", "gateway", 0, CELL_NONE, FIELD_TEXT, .hint = N_("an address such as 10.20.0.10/24"),
        .note = "the drill's own address on the wire, `10.20.0.1/24`"},
    {"recovery.drill_every", "演练间隔", "drill at least every", 0, CELL_NONE, FIELD_SPAN,
        .note = "`90d`, at most `366d`; `365d` unless it is said"},
    {"recovery.drill_level", "演练级别", "drill level", 0, CELL_NONE, FIELD_CHOICE, .words = LEVELS,
        .note = "the least at which a check is asked unless it is said, `1` without checks"},
    {"recovery.hosts", "主机", "hosts", 0, CELL_NONE, FIELD_MAPS,
        .note = "list of hosts of the plan; of one that is not in it the content alone is drilled"},
    {"recovery.hosts.host", "主机", "host", 0, CELL_NONE, FIELD_NAME, .required = true},
    {"recovery.hosts.after", "先启动", "after", 0, CELL_NONE, FIELD_NAMES,
        .note = "list of hosts that have to be up before it"},
    {"recovery.hosts.address", "地址", "address", 0, CELL_NONE, FIELD_TEXT, .required = true,
        .hint = N_("an address such as 10.20.0.10/24"), .note = "its original address, `10.20.0.10/24`"},
    {"recovery.hosts.nic", "网卡", "network card", 0, CELL_NONE, FIELD_TEXT,
        .note = "its name, `ens192`; without it that of the restore point"},
    {"recovery.hosts.mac", "MAC", "MAC", 0, CELL_NONE, FIELD_TEXT, .note = "`\"52:54:00:20:00:10\"`"},
    {"recovery.hosts.memory", "内存", "memory", 0, CELL_NONE, FIELD_SIZE, .note = "at level 4; `1 GiB` unless it is said"},
    {"recovery.hosts.freeze", "冻结", "freeze", 0, CELL_NONE, FIELD_NAMES,
        .note = "list of entries of its own allow-list before a system point, in place of `hooks.pre`; `hooks.post` thaws"},
    {"recovery.hosts.services", "服务", "services", 0, CELL_NONE, FIELD_MAPS, .note = "list, in the order of starting"},
    {"recovery.hosts.services.name", "名称", "name", 0, CELL_NONE, FIELD_NAME, .required = true},
    {"recovery.hosts.services.user", "用户", "user", 0, CELL_NONE, FIELD_TEXT,
        .note = "a user of the restored host; `root` unless it is said"},
    {"recovery.hosts.services.start", "启动命令", "start", 0, CELL_NONE, FIELD_TEXT, .required = true,
        .note = "what starts it, in the foreground; begins with an absolute path"},
    {"recovery.checks", "检查", "checks", 0, CELL_NONE, FIELD_MAPS, .note = "list: what proves that it works"},
    {"recovery.checks.name", "名称", "name", 0, CELL_NONE, FIELD_NAME, .required = true},
    {"recovery.checks.host", "主机", "host", 0, CELL_NONE, FIELD_NAME, .required = true,
        .note = "of `recovery.hosts`: whose service it judges, and where `run` runs"},
    {"recovery.checks.run", "命令", "run", 0, CELL_NONE, FIELD_TEXT, .note = "a command in the restored host; or `http`"},
    {"recovery.checks.http", "网址", "http", 0, CELL_NONE, FIELD_TEXT, .note = "`http://10.20.0.20/api/`"},
    {"recovery.checks.status", "状态码", "status", 0, CELL_NONE, FIELD_NUMBER, .min = 100, .max = 599,
        .note = "of `http`; 200 unless it is said"},
    {"recovery.checks.expect", "应答", "expect", 0, CELL_NONE, FIELD_TEXT, .required = true,
        .note = "POSIX extended regular expression on the output or page; must not match the empty text"},
    {"recovery.checks.within", "时限", "within", 0, CELL_NONE, FIELD_SPAN,
        .note = "`60s`, at level 4 `300s`, unless it is said; at most `1h`"},
    {"recovery.checks.level", "级别", "level", 0, CELL_NONE, FIELD_CHOICE, .words = LEVELS_ASKED,
        .note = "the least at which it is asked, `2` unless it is said"},
    {"priority", "优先级", "Priority", 0, CELL_NONE, FIELD_NUMBER, .min = 1, .max = 9, .def = "5",
        .note = "1 … 9; of runs that are due together, greater ones start first"},
    {"limits", "占用上限", "Limits", 0, CELL_NONE, FIELD_MAP,
        .note = "what a run may take of its host; the host's own `limits` are the ceiling"},
    {"limits.bandwidth", "带宽", "bandwidth", 0, CELL_NONE, FIELD_OWN, .note = "`20 MB/s`, `8 MiB/s`, `100 Mbit/s`"},
    {"limits.cpu", "处理器", "processor", 0, CELL_NONE, FIELD_OWN, .note = "`50 %` of one processor"},
    {"limits.io", "磁盘", "disk", 0, CELL_NONE, FIELD_OWN, .note = "`normal`, `best-effort`, `idle`"},
    {"limits.memory", "内存", "memory", 0, CELL_NONE, FIELD_OWN,
        .note = "`128 MiB`, of the agent and its link together, at least 96 MiB"},
    {"limits.window_end", "随时间窗结束", "stop with the window", 0, CELL_NONE, FIELD_BOOL, .def = "false",
        .words = YES_NO("是", "yes", "否", "no"),
        .note = "`true`: a run stops when its window ends and goes on in the next one"},
    {"locations", "允许存放地", "Allowed locations", 0, CELL_NONE, FIELD_TEXTS, .carried = true, .asked = true,
        .note = "list: where the data may be placed"},
    {"quota", "存储配额", "Quota", 0, CELL_NONE, FIELD_SIZE, .asked = true,
        .note = "space asked for at the vault, `500 GiB`"},
    {"contacts", "其他联系人", "Other contacts", 0, CELL_NONE, FIELD_MAPS,
        .note = "list: whom notices about this plan and its hosts reach, where zaibeid.yaml says `to: contacts`, besides the technical contact"},
    {"contacts.name", "姓名", "name", 0, CELL_NONE, FIELD_TEXT, .required = true},
    {"contacts.role", "职务", "role", 0, CELL_NONE, FIELD_TEXT, .carried = true},
    {"contacts.phone", "电话", "telephone", 0, CELL_NONE, FIELD_TEXT, .carried = true},
    {"contacts.mail", "电子邮件", "mail", 0, CELL_NONE, FIELD_MAIL},
    {"approvals", "批准人数", "Approvals", 0, CELL_NONE, FIELD_NUMBER, .min = 1, .max = 2, .def = "1",
        .note = "how many people of the office approve each version, and the retirement"},
};
/* clang-format on */

enum { FIELDS_N = sizeof fields / sizeof *fields };

const struct field *form_fields(size_t *n) {
    *n = FIELDS_N;
    return fields;
}

const struct field *form_field(const char *key) {
    for (size_t i = 0; i < FIELDS_N; i++)
        if (*key && !strcmp(fields[i].key, key)) return &fields[i];
    return NULL;
}

const struct field *form_next(const char *key, const struct field *f) {
    size_t n = strlen(key);
    for (f = f ? f + 1 : fields; f < fields + FIELDS_N; f++) {
        if (f->type == FIELD_HEAD || f->type == FIELD_STAMP || f->type == FIELD_STEP) continue;
        if (n && (strncmp(f->key, key, n) != 0 || f->key[n] != '.')) continue;
        if (!strchr(f->key + n + (n != 0), '.')) return f;
    }
    return NULL;
}

const struct field *form_up(const struct field *f) {
    char above[100];
    const char *dot = strrchr(f->key, '.');
    snprintf(above, sizeof above, "%.*s", dot ? (int)(dot - f->key) : 0, f->key);
    return form_field(above);
}

const struct js *form_at(const struct js *form, const struct field *f, const char **last) {
    char word[100];
    const char *key = f->key;
    for (const char *dot; form && (dot = strchr(key, '.')); key = dot + 1) {
        snprintf(word, sizeof word, "%.*s", (int)(dot - key), key);
        form = js_get(form, word);
    }
    *last = key;
    return form;
}

void form_label(const struct field *f, unsigned form, enum form_lang lang, char *out) {
    const char *s = lang == FORM_ZH ? f->zh : f->en;
    for (unsigned bit = FORM_APPROVAL; bit != form && bit < FORM_CANCEL && strchr(s, '|'); bit <<= 1)
        s = strchr(s, '|') + 1;
    snprintf(out, FORM_LABEL_MAX, "%.*s", (int)strcspn(s, "|"), s);
}

void form_title(const struct field *f, enum form_lang lang, char *out) {
    char own[FORM_LABEL_MAX], upper[FORM_LABEL_MAX] = "";
    const struct field *up = form_up(f);
    form_label(f, f->forms & -f->forms, lang, own);
    if (up) form_label(up, FORM_APPROVAL, lang, upper);
    snprintf(out, FORM_LABEL_MAX, "%.90s%s%.90s", upper, *upper ? " " : "", own);
}

bool form_is_list(const struct field *f) {
    return f->type == FIELD_NAMES || f->type == FIELD_TEXTS || f->type == FIELD_PATHS || f->type == FIELD_CHOICES;
}
