"""What the codes of events, schemas and domains are called on pages, in both languages. Pure.

Departments, offices, categories, clocks and rungs are named by the county directory instead.
"""

from collections.abc import Mapping

from shared.county.model import Text

Words = Mapping[str, Text]

KINDS: Words = {
    "claim": Text("申诉求决", "Claim"),
    "accusation": Text("检举控告", "Accusation"),
    "suggestion": Text("意见建议", "Suggestion"),
    "inquiry": Text("咨询", "Inquiry"),
}
KIND_HINTS: Words = {
    "claim": Text("有具体困难或纠纷，请求解决", "A difficulty or dispute that somebody should settle"),
    "accusation": Text(
        "反映干部或单位违纪违法；不会转给被检举单位", "Misconduct; never passed to the accused unit"
    ),
    "suggestion": Text("对公共事务的意见和建议", "An opinion or a proposal on public affairs"),
    "inquiry": Text("询问政策或办事程序", "A question about a policy or a procedure"),
}
CHANNELS: Words = {
    "visit": Text("来访", "Visit"),
    "letter": Text("来信", "Letter"),
    "phone": Text("来电", "Phone"),
    "web": Text("网上", "Web"),
    "proxy": Text("代办", "By proxy"),
    "talk": Text("约谈", "Talk"),
    "transferred": Text("部门转来", "Transferred by a department"),
    "assigned_above": Text("上级交办", "Assigned from above"),
}
URGENCIES: Words = {
    "urgent": Text("特急", "Urgent"),
    "priority": Text("急", "Priority"),
    "ordinary": Text("一般", "Ordinary"),
}
OFFICE_KINDS: Words = {
    "administrative_reception": Text("行政接访室", "Administrative reception"),
    "legal_aid": Text("法律援助室", "Legal aid"),
    "civil_deliberation": Text("民事民议室", "Civil deliberation"),
    "hotline": Text("热线", "Hotline"),
    "web": Text("网上", "Web"),
    "station": Text("乡镇工作站", "Township stations"),
    "proxy_station": Text("村（社区）代办站", "Village proxy stations"),
    "department": Text("部门窗口", "Departments’ windows"),
}
DEPARTMENT_KINDS: Words = {
    "party": Text("党委机关", "Party organs"),
    "government": Text("政府部门", "Government departments"),
    "judicial": Text("司法机关", "Judicial organs"),
    "people": Text("群团组织", "People’s organisations"),
    "township": Text("乡镇", "Townships"),
    "utility": Text("公用企业", "Utilities"),
}
# Where a grievance stands for its petitioner.
STATUSES: Words = {
    "registered": Text("已登记", "Registered"),
    "triage": Text("正在确定承办单位", "Finding the right department"),
    "assigned": Text("已分派，待受理", "Assigned, waiting for acceptance"),
    "accepted": Text("已受理，办理中", "Accepted, being handled"),
    "answered": Text("已答复", "Answered"),
}
ROLES: Words = {
    "lead": Text("牵头", "Lead"),
    "cooperating": Text("协办", "Cooperating"),
}
# What people and machines work as (shared/identity/model.py).
PEOPLE: Words = {
    "clerk": Text("接访员", "Clerk"),
    "agent": Text("代办员", "Proxy agent"),
    "liaison": Text("部门联络员", "Department liaison"),
    "lead": Text("部门负责人", "Department lead"),
    "supervisor": Text("督查人员", "Supervisor"),
    "leader": Text("县领导", "County leader"),
    "delegate": Text("议事代表", "Delegate"),
    "administrator": Text("系统管理员", "Administrator"),
    "auditor": Text("审计人员", "Auditor"),
    "department": Text("部门系统", "Department’s system"),
}
# What changed about people and their rights.
IDENTITY_CHANGES: Words = {
    "account.added": Text("新建账户", "Account added"),
    "account.disabled": Text("停用账户", "Account disabled"),
    "account.enabled": Text("恢复账户", "Account enabled"),
    "link.asked": Text("申请设置链接", "Set-up link asked for"),
    "link.refused": Text("不同意设置链接", "Set-up link refused"),
    "link.made": Text("发出设置链接", "Set-up link made"),
    "password.set": Text("设置密码", "Password set"),
    "password.changed": Text("修改密码", "Password changed"),
    "factor.enrolled": Text("启用二次验证", "Second factor set up"),
    "factor.removed": Text("移除二次验证", "Second factor removed"),
    "passkey.added": Text("添加通行密钥", "Passkey added"),
    "passkey.removed": Text("移除通行密钥", "Passkey removed"),
    "recovery.used": Text("使用恢复码", "Recovery code used"),
    "recovery.renewed": Text("更换恢复码", "Recovery codes renewed"),
    "subject.linked": Text("关联统一身份", "Unified sign-in linked"),
    "subject.unlinked": Text("解除统一身份", "Unified sign-in unlinked"),
    "session.ended": Text("结束登录", "Session ended"),
    "grant.asked": Text("申请授予角色", "Role asked for"),
    "grant.confirmed": Text("确认授予角色", "Role confirmed"),
    "grant.ended": Text("撤销角色", "Role taken away"),
    "key.issued": Text("签发密钥", "Key issued"),
    "key.revoked": Text("吊销密钥", "Key revoked"),
    "secret.asked": Text("申请更换服务密钥", "Rotation of a secret key asked for"),
    "secret.confirmed": Text("确认更换服务密钥", "Rotation of a secret key confirmed"),
    "secret.used": Text("启用新的服务密钥", "New secret key in use"),
    "secret.retired": Text("停用旧的服务密钥", "Old secret key retired"),
}
# Who changed it, where that is no account.
IDENTITY_ACTORS: Words = {
    "command-line": Text("命令行", "Command line"),
    "setup": Text("首次设置", "First set-up"),
}
# What is known of a petitioner; the last two are shown only when they are asked for.
MORE_IDENTITY: Words = {
    "id_number": Text("身份证号", "Identity number"),
    "address": Text("住址", "Address"),
}
IDENTITY_FIELDS: Words = {
    "name": Text("姓名", "Name"),
    "phone": Text("电话", "Phone"),
    **MORE_IDENTITY,
}
# What was done with a petitioner's identity.
IDENTITY_VIEWS: Words = {
    "shown": Text("查看了身份信息", "Was shown the identity"),
    "searched": Text("按电话查找", "Searched by phone"),
    "asked": Text("申请查看", "Asked to be shown it"),
    "approved": Text("同意查看", "Agreed that it is shown"),
    "refused": Text("不同意查看", "Refused that it is shown"),
    "limited": Text("次数过多，未予显示", "Too often: was shown nothing"),
}
# Where a department's task stands.
TASKS: Words = {
    "assigned": Text("待受理", "To accept"),
    "objected": Text("异议待定", "Objection pending"),
    "designated": Text("已指定，待受理", "Designated, to accept"),
    "accepted": Text("办理中", "In hand"),
    "answered": Text("已答复", "Answered"),
    "withdrawn": Text("已撤回", "Withdrawn"),
}
OUTCOMES: Words = {
    "solved": Text("已解决", "Solved"),
    "stepwise": Text("列入逐步解决", "To be solved step by step"),
    "explained": Text("政策不支持，已说明", "Policy does not allow it; explained"),
    "unreasonable": Text("诉求不合理，已疏导", "Not reasonable; talked over"),
    "withdrawn": Text("群众息访", "Withdrawn by the petitioner"),
}
# What a written answer consists of, and the other words that people wrote.
SAID: Words = {
    "outcome": Text("办理结果", "Outcome"),
    "claim": Text("诉求", "What was asked"),
    "facts": Text("查明事实", "Facts found"),
    "opinion": Text("处理意见", "Opinion"),
    "basis": Text("政策法规依据", "Legal or policy basis"),
    "explanation": Text("公开说明", "Explanation"),
    "note": Text("进展", "Progress"),
    "reason": Text("理由", "Reason"),
}
# What happened, as a timeline or a ledger tells it.
STEPS: Words = {
    "case.triaged": Text("人工确定承办单位", "A person decides who is responsible"),
    "case.assigned": Text("分派承办单位", "Assigned"),
    "case.explained": Text("公开说明办理安排", "Explained who does what"),
    "case.answered": Text("书面答复", "Answered in writing"),
    "task.accepted": Text("受理", "Accepted"),
    "task.objected": Text("提出异议", "Objected"),
    "task.withdrawn": Text("撤回分派", "Assignment withdrawn"),
    "task.designated": Text("指定承办，不得再退", "Designated; cannot be returned again"),
    "task.progressed": Text("登记进展", "Progress noted"),
    "task.answered": Text("提交答复", "Answer given"),
    "deadline.missed": Text("到期未办", "A deadline was missed"),
    "notice.served": Text("收到督办", "Supervision notice received"),
    "notice.published": Text("公开通报", "Named in a published notice"),
    "notice.withdrawn": Text("通报已撤回", "The published notice was withdrawn"),
}
# Where a notice stands on its way into public and out of it again.
NOTICES: Words = {
    "served": Text("已送达，不公开", "Served, not for publication"),
    "waiting": Text("待公开", "Waiting for publication"),
    "proposed": Text("已提出公开，待确认", "Publication proposed, to be confirmed"),
    "refused": Text("不予公开", "Publication refused"),
    "published": Text("已公开", "Published"),
    "withdrawing": Text("已申请撤回，待确认", "Withdrawal asked for, to be confirmed"),
    "withdrawn": Text("已撤回", "Withdrawn"),
}
# What supervisors decide of a notice.
NOTICE_MOVES: Words = {
    "propose": Text("提出公开", "Publication proposed"),
    "publish": Text("确认公开", "Publication confirmed"),
    "refuse": Text("不予公开", "Publication refused"),
    "ask_withdrawal": Text("申请撤回", "Withdrawal asked for"),
    "withdraw": Text("确认撤回", "Withdrawal confirmed"),
    "keep": Text("不予撤回", "Withdrawal refused"),
}
DEADLINES: Words = {
    "running": Text("进行中", "Running"),
    "met": Text("按期完成", "Done in time"),
    "late": Text("逾期完成", "Done late"),
    "missed": Text("逾期未办", "Overdue"),
    "ended": Text("已终止", "Ended"),
}
