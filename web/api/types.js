// Types of the API, made from docs/api/openapi.json by tools/types.mjs: not written by hand, and not sent to browsers.

/**
 * A change of access.
 * @typedef {{at_ms: number, fields: string[], happened: string, name: string, offset: number, owner?: string | null, subject: string, title?: string | null, who: string}} AccessChangeOut
 */

/**
 * An alert.
 * @typedef {{acknowledged_by?: string | null, acknowledged_ms?: number | null, detail: string, fired_ms?: number | null, id: number, labels: string, resolved_ms?: number | null, rule: string, severity: string, silenced: boolean, since_ms: number, status: string, summary: string, told: string[], value?: number | null}} AlertOut
 */

/**
 * Something unusual.
 * @typedef {{begun_ms: number, client?: string | null, device?: string | null, ended: boolean, examples: string[], id: number, kind: string, last_seen_ms: number, muted: boolean, reasons: string[], score: number, server?: string | null, zone?: string | null}} AnomalyOut
 */

/**
 * A record of an answer.
 * @typedef {{data: string, name: string, ttl: number, type: string}} AnswerRecord
 */

/**
 * What has to happen.
 * @typedef {'caches' | 'signing' | 'parent'} Awaiting
 */

/**
 * A backup.
 * @typedef {{created_at_ms: number, name: string, position: number, size_bytes: number}} BackupOut
 */

/**
 * A primary whose serial is earlier than the zone's.
 * @typedef {{primary: string, serial: number}} BehindOut
 */

/**
 * A block to be made.
 * @typedef {{minutes: number, network: string, reason?: string}} BlockIn
 */

/**
 * A list to be subscribed to.
 * @typedef {{enabled?: boolean, groups?: string[], name?: string, refresh_hours?: number, url: string}} BlockListIn
 */

/**
 * A list: where it comes from, how it is doing, what it contributes. Figures are 0 until it is in force.
 * @typedef {{checked_at_ms?: number | null, enabled: boolean, failed_at_ms?: number | null, failures: number, fetched_at_ms?: number | null, file?: string | null, groups: string[], hits_24h: number, hits_7d: number, ignored: IgnoredOut[], lines: number, name: string, names: number, next_at_ms?: number | null, origin: string, overlaps: OverlapOut[], own_names: number, problem: string, refresh_hours: number, rules: number, set?: SetOut | null, sha256: string, size_bytes: number, state: string, url?: string | null}} BlockListOut
 */

/**
 * A client that gets no answers for a while.
 * @typedef {{id: number, network: string, reason: string, since_ms: number, until_ms: number, who: string}} BlockOut
 */

/**
 * A rule to be set.
 * @typedef {{comment?: string, group?: string, text: string, until_ms?: number | null}} BlockRuleIn
 */

/**
 * A rule.
 * @typedef {{comment: string, ended: boolean, group: string, id: string, origin: string, set?: SetOut | null, text: string, until_ms?: number | null}} BlockRuleOut
 */

/**
 * Blocking as a whole.
 * @typedef {{action: string, enabled: boolean, lists: number, memory_bytes: number, names: number, paused_until_ms?: number | null, pauses: number, rules: number, ttl_s: number}} BlockingOut
 */

/**
 * A change, and who has served it.
 * @typedef {ChangeOut & {receipts: ReceiptOut[]}} ChangeDetail
 */

/**
 * A change of the history, with the zones that the client may see.
 * @typedef {{at_ms: number, id: number, reverts?: number | null, who: string, why: string, zones: ZoneOutcome[]}} ChangeOut
 */

/**
 * Changes of several zones.
 * @typedef {{why?: string, zones: ZoneStep[]}} Changeset
 */

/**
 * A check.
 * @typedef {{advice?: string | null, name: string, reason?: string | null, since_ms?: number | null, state: string}} CheckOut
 */

/**
 * The configuration in use.
 * @typedef {{confirm_until_ms?: number | null, file?: string | null, settings: SettingOut[]}} ConfigOut
 */

/**
 * What became of a change of the configuration.
 * @typedef {{confirm_within_s?: number | null, diff: DifferenceOut[], dry_run: boolean, rebinds: string[], restarts: string[], version?: number | null, warnings: ConfigProblem[]}} ConfigOutcome
 */

/**
 * Something that is wrong with a configuration, or to be looked at.
 * @typedef {{column: number, line: number, message: string, path: string, source: string, suggestion?: string | null}} ConfigProblem
 */

/**
 * A group.
 * @typedef {Record<string, any> & ({devices: number, origin: string, set?: SetOut | null})} DeviceGroupOut
 */

/**
 * A device, as it is set.
 * @typedef {{addresses?: string[], group?: string, id?: string, logging?: string | null, macs?: string[], name: string, tags?: string[]}} DeviceIn
 */

/**
 * A device.
 * @typedef {Record<string, any> & ({origin: string, set?: SetOut | null})} DeviceOut
 */

/**
 * A value that would be another one.
 * @typedef {{effect: string, from: any, path: string, to: any}} DifferenceOut
 */

/**
 * Changes that are collected and not made yet.
 * @typedef {{changed_at_ms: number, created_at_ms: number, id: string, name: string, owner: string, version: number, why: string, zones: ZoneStep[]}} Draft
 */

/**
 * What lists show of a draft.
 * @typedef {{changed_at_ms: number, id: string, name: string, owner: string}} DraftInfo
 */

/**
 * What changes of a draft; what is left out stays.
 * @typedef {{add?: ZoneStep[] | null, name?: string | null, why?: string | null, zones?: ZoneStep[] | null}} DraftPatch
 */

/**
 * What is known of a DS record at the parent.
 * @typedef {{at_ms: number, by: string, published: boolean}} DsConfirmedOut
 */

/**
 * A DS record with its fields apart.
 * @typedef {{algorithm: number, digest: string, digest_type: number, line: string, tag: number}} DsFieldsOut
 */

/**
 * What somebody knows of the parent.
 * @typedef {{published: boolean, tag: number, why?: string}} DsIn
 */

/**
 * A DS record.
 * @typedef {{digest_type: number, text: string}} DsTextOut
 */

/**
 * A part of a key that caches may have.
 * @typedef {'dnskey' | 'key_signature' | 'zone_signatures' | 'ds'} ElementName
 */

/**
 * An entry of the cache.
 * @typedef {{age_s: number, hits: number, kind: string, last_use_s?: number | null, name: string, origin?: string | null, reason?: ReasonOut | null, security: string, size_bytes: number, ttl: number, ttl_left_s: number, type?: string | null}} Entry
 */

/**
 * How a question is answered.
 * @typedef {{answered_by: string, answers: AnswerRecord[], authorities: AnswerRecord[], elapsed_us: number, name: string, rcode: string, reason?: ReasonOut | null, security: string, server?: string | null, steps: StepOut[], type: string, zone?: string | null}} Explanation
 */

/**
 * One fault of a request.
 * @typedef {{column?: number | null, detail: string, line?: number | null, offset?: number | null, parameter?: string | null, pointer?: string | null}} FieldError
 */

/**
 * A property of record data.
 * @typedef {{expects: string, json: string, kind: string, name: string, required: boolean}} FieldOut
 */

/**
 * What was counted within a span of time, by the second.
 * @typedef {{dropped: number, hit_ratio?: number | null, latency_ms: {[key: string]: Latency}, qps: number, results: {[key: string]: number}, sources: {[key: string]: number}, transports: {[key: string]: number}}} Figures
 */

/**
 * What the checks say about the records of a zone. Nothing of it keeps the zone from being served.
 * @typedef {{count: number, list: Warning[]}} FindingsOut
 */

/**
 * What to take out: `all`, or any of the others together.
 * @typedef {{all?: boolean, name?: string | null, subtree?: boolean, type?: string | null}} FlushWhat
 */

/**
 * What was taken out.
 * @typedef {{flushed: number}} Flushed
 */

/**
 * What is allowed. All limits hold together; of several grants, one that allows is enough.
 * @typedef {{expires_ms?: number | null, names?: string[] | null, networks?: string[] | null, not_before_ms?: number | null, types?: string[] | null, verbs: string[], zones: string[]}} Grant
 */

/**
 * What holds for the devices of a group.
 * @typedef {{allow?: string[], lists?: string[], logging?: string, name: string, rules?: string[], safe_search?: any, schedules?: (Record<string, any>)[], upstreams?: string[]}} GroupIn
 */

/**
 * Rows with one name, client and result.
 * @typedef {{client_ip?: string | null, count: number, domain?: string | null, last: string, query_types: string[], refusal?: string | null, response_code: string, source: string}} GroupOut
 */

/**
 * Rows with one name, or one client.
 * @typedef {{count: number, groups: GroupOut[], last: string, value?: string | null}} GroupsOfOne
 */

/**
 * Rows in groups.
 * @typedef {ProgressOut & {items: GroupsOfOne[], others: number, rows: number}} GroupsOut
 */

/**
 * Whether the server is up, and how it is.
 * @typedef {{checks: CheckOut[], ready: boolean, status: string}} Health
 */

/**
 * What became of live streams.
 * @typedef {{lost_frames: number, too_slow: number, viewers: number}} HubCounts
 */

/**
 * A line that has no effect.
 * @typedef {{line: number, text: string}} IgnoredLine
 */

/**
 * Lines that have no effect for one reason.
 * @typedef {{count: number, examples: IgnoredLine[], reason: string}} IgnoredOut
 */

/**
 * What registrars ask for of a key.
 * @typedef {{dnskey: string, ds: DsFieldsOut[], ds_confirmed?: DsConfirmedOut | null, role: KeyRole, tag: number, wants_ds: boolean}} KeyDsOut
 */

/**
 * What caches may have of something.
 * @typedef {{since_ms?: number | null, visibility: string}} KeyElementOut
 */

/**
 * What caches may have of each part of a key.
 * @typedef {{dnskey: KeyElementOut, ds?: KeyElementOut | null, key_signature?: KeyElementOut | null, zone_signatures?: KeyElementOut | null}} KeyElementsOut
 */

/**
 * A key that comes from elsewhere. It has no `Debug`: `private` is secret.
 * @typedef {{has_ds?: boolean, in_service?: boolean, private: string, public?: string | null, role: KeyRole, why?: string}} KeyImportIn
 */

/**
 * A key, without its secret.
 * @typedef {{algorithm: string, created_at_ms: number, name: string, secret?: string | null, warning?: string | null}} KeyOut
 */

/**
 * A timetable.
 * @typedef {{from_ms: number, steps: KeyStepOut[], until_ms: number}} KeyPlanOut
 */

/**
 * What a key signs.
 * @typedef {'ksk' | 'zsk' | 'csk'} KeyRole
 */

/**
 * Something that will happen.
 * @typedef {{algorithm: string, assumes?: string | null, at_ms: number, element?: ElementName | null, new_key?: number | null, role: KeyRole, sentence: string, tag?: number | null, visibility?: string | null}} KeyStepOut
 */

/**
 * Something that is waited for.
 * @typedef {{element: ElementName, published: boolean, sentence: string, since_ms: number, tag: number, until_ms?: number | null, what: Awaiting}} KeyWaitOut
 */

/**
 * Where a zone's records come from.
 * @typedef {'primary' | 'secondary'} Kind
 */

/**
 * Response times of one way, in milliseconds; `None`: there were no answers.
 * @typedef {{p50?: number | null, p95?: number | null, p99?: number | null}} Latency
 */

/**
 * Columns of response times, in milliseconds.
 * @typedef {{p50: (number | null)[], p95: (number | null)[], p99: (number | null)[]}} LatencyColumns
 */

/**
 * Levels.
 * @typedef {{level: string, levels: {[key: string]: string}}} LevelsOut
 */

/**
 * A socket that DNS is served on.
 * @typedef {{address: string, protocols: string[]}} ListenerOut
 */

/**
 * Whether the server is alive.
 * @typedef {{status: string}} Live
 */

/**
 * Name and password.
 * @typedef {{password: string, user: string}} LogIn
 */

/**
 * How much is to be logged; without `level` and `levels`: what the configuration says.
 * @typedef {{for_seconds?: number | null, level?: string | null, levels?: {[key: string]: string} | null}} LogLevelIn
 */

/**
 * How much is logged.
 * @typedef {LevelsOut & ({configured: LevelsOut, until_ms?: number | null})} LogLevelOut
 */

/**
 * A rule that matches.
 * @typedef {{decides: boolean, effect: string, line: number, list: string, text?: string | null}} MatchedRule
 */

/**
 * What is done with a question.
 * @typedef {{because?: string | null, blocked: boolean, client: string, device?: string | null, group: string, name: string, rules: MatchedRule[], type: string}} MatchesOut
 */

/**
 * A mute to be made: exactly one of `client`, `device`, `zone` and `server`.
 * @typedef {{client?: string | null, device?: string | null, kind?: string | null, minutes: number, reason?: string, server?: string | null, zone?: string | null}} MuteIn
 */

/**
 * Anomalies that nobody wants to hear of.
 * @typedef {{client?: string | null, device?: string | null, id: number, kind?: string | null, reason: string, server?: string | null, since_ms: number, until_ms: number, who: string, zone?: string | null}} MuteOut
 */

/**
 * A name and its queries.
 * @typedef {{count: number, name: string}} NameCount
 */

/**
 * A new draft.
 * @typedef {{name: string, why?: string, zones?: ZoneStep[]}} NewDraft
 */

/**
 * A new key.
 * @typedef {{algorithm?: string | null, name: string, secret?: string | null}} NewKey
 */

/**
 * A new role.
 * @typedef {{description?: string, grants: Grant[], name: string}} NewRole
 */

/**
 * The whole text of the file.
 * @typedef {{text: string}} NewText
 */

/**
 * A new token.
 * @typedef {{expires_at_ms?: number | null, grants: Grant[], name: string, owner?: string | null}} NewTokenBody
 */

/**
 * A new user.
 * @typedef {{display_name?: string, name: string, password?: string | null, roles?: string[]}} NewUser
 */

/**
 * A new zone. Without `rrsets` it gets a SOA and NS records; with `primaries` it is a secondary.
 * @typedef {{allow_notify?: string[] | null, allow_query?: string[] | null, allow_transfer?: string[] | null, allow_update?: string[] | null, allow_update_forwarding?: string[] | null, dnssec?: string | null, dnssec_validate?: Validation | null, kind?: Kind | null, name: string, nameservers?: string[], notify?: string[] | null, placement?: string[] | null, primaries?: string[] | null, rrsets?: RrsetIn[], serial_policy?: Policy | null}} NewZone
 */

/**
 * What is decided about a server.
 * @typedef {{drained: boolean, why?: string}} NodeIn
 */

/**
 * A server of the cluster.
 * @typedef {{drained: boolean, drift: boolean, heard_ms_ago: number, is_this: boolean, labels: {[key: string]: string}, lag: number, name: string, position: number, problems: string[], started_ms: number, state: string, version: string, zones: number}} NodeOut
 */

/**
 * Somebody who is logged in.
 * @typedef {{address: string, begun_at_ms: number, ends_at_ms: number, id: string, is_this: boolean, used_at_ms: number, user: string}} OpenSessionOut
 */

/**
 * What will happen.
 * @typedef {{servers: number, zone: string}} Ordered
 */

/**
 * Where a value comes from.
 * @typedef {{column?: number | null, file?: string | null, flag?: string | null, kind: string, line?: number | null, variable?: string | null}} OriginOut
 */

/**
 * What became of a change.
 * @typedef {{change?: number | null, diff?: ZoneDiff[] | null, dry_run: boolean, warnings: Warning[], zones: ZoneOutcome[]}} Outcome
 */

/**
 * Names that another list has too.
 * @typedef {{list: string, names: number}} OverlapOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({at_ms: number, fields: string[], happened: string, name: string, offset: number, owner?: string | null, subject: string, title?: string | null, who: string})[], next?: string | null}} Page_AccessChangeOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({acknowledged_by?: string | null, acknowledged_ms?: number | null, detail: string, fired_ms?: number | null, id: number, labels: string, resolved_ms?: number | null, rule: string, severity: string, silenced: boolean, since_ms: number, status: string, summary: string, told: string[], value?: number | null})[], next?: string | null}} Page_AlertOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({begun_ms: number, client?: string | null, device?: string | null, ended: boolean, examples: string[], id: number, kind: string, last_seen_ms: number, muted: boolean, reasons: string[], score: number, server?: string | null, zone?: string | null})[], next?: string | null}} Page_AnomalyOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({created_at_ms: number, name: string, position: number, size_bytes: number})[], next?: string | null}} Page_BackupOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({checked_at_ms?: number | null, enabled: boolean, failed_at_ms?: number | null, failures: number, fetched_at_ms?: number | null, file?: string | null, groups: string[], hits_24h: number, hits_7d: number, ignored: IgnoredOut[], lines: number, name: string, names: number, next_at_ms?: number | null, origin: string, overlaps: OverlapOut[], own_names: number, problem: string, refresh_hours: number, rules: number, set?: SetOut | null, sha256: string, size_bytes: number, state: string, url?: string | null})[], next?: string | null}} Page_BlockListOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({id: number, network: string, reason: string, since_ms: number, until_ms: number, who: string})[], next?: string | null}} Page_BlockOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({comment: string, ended: boolean, group: string, id: string, origin: string, set?: SetOut | null, text: string, until_ms?: number | null})[], next?: string | null}} Page_BlockRuleOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({at_ms: number, id: number, reverts?: number | null, who: string, why: string, zones: ZoneOutcome[]})[], next?: string | null}} Page_ChangeOut
 */

/**
 * A part of a list.
 * @typedef {{items: (Record<string, any> & ({devices: number, origin: string, set?: SetOut | null}))[], next?: string | null}} Page_DeviceGroupOut
 */

/**
 * A part of a list.
 * @typedef {{items: (Record<string, any> & ({origin: string, set?: SetOut | null}))[], next?: string | null}} Page_DeviceOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({changed_at_ms: number, id: string, name: string, owner: string})[], next?: string | null}} Page_DraftInfo
 */

/**
 * A part of a list.
 * @typedef {{items: ({age_s: number, hits: number, kind: string, last_use_s?: number | null, name: string, origin?: string | null, reason?: ReasonOut | null, security: string, size_bytes: number, ttl: number, ttl_left_s: number, type?: string | null})[], next?: string | null}} Page_Entry
 */

/**
 * A part of a list.
 * @typedef {{items: ({algorithm: string, created_at_ms: number, name: string, secret?: string | null, warning?: string | null})[], next?: string | null}} Page_KeyOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({drained: boolean, drift: boolean, heard_ms_ago: number, is_this: boolean, labels: {[key: string]: string}, lag: number, name: string, position: number, problems: string[], started_ms: number, state: string, version: string, zones: number})[], next?: string | null}} Page_NodeOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({address: string, begun_at_ms: number, ends_at_ms: number, id: string, is_this: boolean, used_at_ms: number, user: string})[], next?: string | null}} Page_OpenSessionOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({by: string, ended: boolean, id: string, scope: any, set: SetOut, until_ms: number, why: string})[], next?: string | null}} Page_PauseOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({hits: number, name: string, type: string})[], next?: string | null}} Page_Popular
 */

/**
 * A part of a list.
 * @typedef {{items: ({built_in: boolean, description: string, grants: Grant[], name: string})[], next?: string | null}} Page_RoleOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({name: string, records: (Record<string, any>)[], ttl: number, type: string, unicode?: string | null})[], next?: string | null}} Page_RrsetOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({address: string, blocked: number, device?: string | null, first_ms: number, last_ms: number, queries: number})[], next?: string | null}} Page_SeenClientOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({after?: any, at_ms: number, before?: any, offset: number, others: number, reverts?: number | null, who: string, why: string})[], next?: string | null}} Page_SettingChange
 */

/**
 * A part of a list.
 * @typedef {{items: ({error?: string | null, first_end_ms?: number | null, is_urgent: boolean, keys: number, next?: KeyWaitOut | null, policy: string, refusal?: SigningRefusalOut | null, signed: boolean, stage: SigningStage, state: string, waits: number, zone: string})[], next?: string | null}} Page_SignedZoneOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({created_at_ms: number, expires_at_ms?: number | null, grants: Grant[], id: string, name: string, owner: string, token?: string | null})[], next?: string | null}} Page_TokenOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({created_at_ms: number, disabled: boolean, display_name: string, has_password: boolean, name: string, roles: string[]})[], next?: string | null}} Page_UserOut
 */

/**
 * A part of a list.
 * @typedef {{items: ({findings: FindingsOut, name: string, records: number, serial?: number | null, settings: SettingsOut, source: string, state: string, transfer?: TransferOut | null, unicode?: string | null, warnings?: Warning[]})[], next?: string | null}} Page_ZoneOut
 */

/**
 * A DS record that the parent has.
 * @typedef {{matches: boolean, tag: number, text: string}} ParentDsOut
 */

/**
 * What the name servers of the parent say of the zone's DS records.
 * @typedef {{asked_at_ms?: number | null, broken: boolean, next_ms: number, problem?: string | null, servers: ParentServerOut[], zone?: string | null}} ParentOut
 */

/**
 * A name server of the parent. Without name and address it is this server.
 * @typedef {{address?: string | null, answered_at_ms?: number | null, ds: ParentDsOut[], name?: string | null, problem?: string | null, problem_since_ms?: number | null, ttl_s?: number | null}} ParentServerOut
 */

/**
 * A pause to be made.
 * @typedef {{minutes?: number | null, scope: any, until_ms?: number | null, why?: string}} PauseIn
 */

/**
 * A pause.
 * @typedef {{by: string, ended: boolean, id: string, scope: any, set: SetOut, until_ms: number, why: string}} PauseOut
 */

/**
 * How the next serial is found.
 * @typedef {'increment' | 'date' | 'unixtime'} Policy
 */

/**
 * A question that is asked often.
 * @typedef {{hits: number, name: string, type: string}} Popular
 */

/**
 * Why a request failed.
 * @typedef {{change?: string | null, detail: string, diff?: any, earliest_ms?: number | null, errors?: FieldError[], status: number, title: string, type: string}} Problem
 */

/**
 * How far a search came.
 * @typedef {{done: boolean, next?: string | null, scanned_to?: string | null, scanned_to_ms?: number | null}} ProgressOut
 */

/**
 * A query, and the answer that it got.
 * @typedef {{action?: string | null, cache_hit: boolean, client_ip: string, dnssec?: string | null, domain?: string | null, group?: string | null, list?: string | null, policy?: string | null, query_size: number, query_type?: string | null, refusal?: string | null, request_id: string, response_code: string, response_data: string[], response_size: number, response_time_ms: number, rule?: string | null, source: string, timestamp: string, transport: string, upstream_server?: string | null, zone?: string | null}} QueryOut
 */

/**
 * A question of a list.
 * @typedef {{name: string, type?: string}} QuestionIn
 */

/**
 * Why something is as it is.
 * @typedef {{code: number, name?: string | null, text: string}} ReasonOut
 */

/**
 * What a server has said of a change: either since when it serves it, or why it is not known to.
 * @typedef {{node: string, problem?: string | null, served_at_ms?: number | null}} ReceiptOut
 */

/**
 * A recipient.
 * @typedef {{after_minutes: number, min_severity: string, name: string, problem: string, waiting: number, way: string}} RecipientOut
 */

/**
 * A record.
 * @typedef {{data: Record<string, any>, name: string, ttl: number, type: string}} RecordOut
 */

/**
 * Which key goes.
 * @typedef {{compromised?: boolean, tag: number, why?: string}} RetireIn
 */

/**
 * How a change is taken back.
 * @typedef {{dry_run?: boolean, force?: boolean, why?: string}} RevertBody
 */

/**
 * The change that took another one back.
 * @typedef {{offset: number}} Reverted
 */

/**
 * What a role becomes.
 * @typedef {{description?: string, grants: Grant[]}} RoleBody
 */

/**
 * A role.
 * @typedef {{built_in: boolean, description: string, grants: Grant[], name: string}} RoleOut
 */

/**
 * Which keys to replace: `role`, or `tag`.
 * @typedef {{role?: KeyRole | null, tag?: number | null, why?: string}} RollIn
 */

/**
 * Rows that were found.
 * @typedef {ProgressOut & {items: QueryOut[]}} Rows
 */

/**
 * What an RRset becomes.
 * @typedef {{records: any[], ttl?: number | null}} RrsetBody
 */

/**
 * Changes of RRsets of one zone.
 * @typedef {{changes: RrsetStep[]}} RrsetChanges
 */

/**
 * An RRset as a client gives it.
 * @typedef {{name: string, records: any[], ttl?: number | null, type: string}} RrsetIn
 */

/**
 * What shall happen to an RRset.
 * @typedef {'replace' | 'add' | 'remove' | 'delete'} RrsetOp
 */

/**
 * The records of one owner and type.
 * @typedef {{name: string, records: (Record<string, any>)[], ttl: number, type: string, unicode?: string | null}} RrsetOut
 */

/**
 * What changes of an RRset; what is left out stays.
 * @typedef {{add?: any[] | null, records?: any[] | null, remove?: any[] | null, ttl?: number | null}} RrsetPatch
 */

/**
 * A change of one RRset.
 * @typedef {{name: string, op: RrsetOp, records?: any[] | null, ttl?: number | null, type?: string | null}} RrsetStep
 */

/**
 * A rule.
 * @typedef {{for_seconds: number, name: string, recipients: string[], severity: string, summary: string, when: string}} RuleOut
 */

/**
 * A client that asked.
 * @typedef {{address: string, blocked: number, device?: string | null, first_ms: number, last_ms: number, queries: number}} SeenClientOut
 */

/**
 * Figures over time: every column has one value for each point, null where the server did not run.
 * @typedef {{dropped: (number | null)[], from_ms: number, hit_ratio: (number | null)[], latency_ms: {[key: string]: LatencyColumns}, points: number, qps: (number | null)[], results: {[key: string]: (number | null)[]}, sources: {[key: string]: (number | null)[]}, step_s: number, transports: {[key: string]: (number | null)[]}}} Series
 */

/**
 * Who asks.
 * @typedef {{ends_at_ms?: number | null, grants: Grant[], user?: string | null, who: string}} SessionOut
 */

/**
 * Who set something by API, when and why.
 * @typedef {{at_ms: number, by: string, version: number, why: string}} SetOut
 */

/**
 * A change in the past.
 * @typedef {{after?: any, at_ms: number, before?: any, offset: number, others: number, reverts?: number | null, who: string, why: string}} SettingChange
 */

/**
 * A key.
 * @typedef {{default: any, effect: string, items?: number | null, origin: OriginOut, path: string, value: any}} SettingOut
 */

/**
 * Settings to be changed; what is left out stays.
 * @typedef {{allow_notify?: string[] | null, allow_query?: string[] | null, allow_transfer?: string[] | null, allow_update?: string[] | null, allow_update_forwarding?: string[] | null, dnssec?: string | null, dnssec_validate?: Validation | null, kind?: Kind | null, notify?: string[] | null, placement?: string[] | null, primaries?: string[] | null, serial_policy?: Policy | null}} SettingsIn
 */

/**
 * How a zone is served.
 * @typedef {{allow_notify: string[], allow_query: string[], allow_transfer: string[], allow_update: string[], allow_update_forwarding: string[], dnssec: string, dnssec_validate: Validation, kind: Kind, notify: string[], placement: string[], primaries: string[], serial_policy: Policy}} SettingsOut
 */

/**
 * Facts about a server.
 * @typedef {{clients_seen: boolean, default_password: boolean, listeners: ListenerOut[], lists: number, queries: number, recursion: boolean, upstreams: string[], web: string[], zones: number}} Setup
 */

/**
 * The signatures of a zone.
 * @typedef {{first_end_ms?: number | null, stale: number}} SignaturesOut
 */

/**
 * A zone that is signed here.
 * @typedef {{error?: string | null, first_end_ms?: number | null, is_urgent: boolean, keys: number, next?: KeyWaitOut | null, policy: string, refusal?: SigningRefusalOut | null, signed: boolean, stage: SigningStage, state: string, waits: number, zone: string}} SignedZoneOut
 */

/**
 * The policies.
 * @typedef {{items: SigningPolicyOut[]}} SigningPoliciesOut
 */

/**
 * A policy of `dnssec.policies`, as far as it says what becomes of a zone. Times are in seconds.
 * @typedef {{algorithm: string, bits?: number | null, cds: boolean, csk: boolean, ksk_lifetime_s: number, name: string, nsec3: boolean, nsec3_opt_out: boolean, signature_lifetime_s: number, signature_refresh_s: number, zsk_lifetime_s: number}} SigningPolicyOut
 */

/**
 * A change that was refused, as resolvers would have refused what it leads to, or it could not be signed.
 * @typedef {{at_ms: number, why: string}} SigningRefusalOut
 */

/**
 * How it is with a zone.
 * @typedef {'broken' | 'failing' | 'withdrawing' | 'unsigning' | 'pending' | 'secure' | 'waiting' | 'insecure'} SigningStage
 */

/**
 * A silence to be made.
 * @typedef {{labels?: string, rule?: string, seconds: number, why?: string}} SilenceIn
 */

/**
 * Nobody is told of some alerts for a while.
 * @typedef {{id: number, labels: string, rule: string, until_ms: number, who: string, why: string}} SilenceOut
 */

/**
 * What to try.
 * @typedef {{after?: string | null, days?: number, list?: string | null, text?: string | null}} SimulateIn
 */

/**
 * What a list would have blocked.
 * @typedef {ProgressOut & {already_blocked: number, list_names: number, list_rules: number, names: number, queries: number, rows: number, top: NameCount[]}} SimulationOut
 */

/**
 * Counts of the cache.
 * @typedef {{entries: number, entry_bytes: number, evictions: number, expired: number, flushed: number, hit_ratio: number, hits: number, inserts: number, max_size_bytes: number, misses: number, size_bytes: number, stale_hits: number, synthesised: number, types: TypeStats[]}} StatsOut
 */

/**
 * How the server is.
 * @typedef {(Traffic | null) & {health: string, position: number, server_name: string, uptime_s: number, version: string, zones: number}} Status
 */

/**
 * A step. What is not of its kind is left out.
 * @typedef {{at_us: number, depth: number, elapsed_us?: number | null, name?: string | null, rcode?: string | null, result?: string | null, security?: string | null, server?: string | null, server_name?: string | null, step: string, transport?: string | null, ttl?: number | null, type?: string | null, zone?: string | null}} StepOut
 */

/**
 * What may be meant.
 * @typedef {{items: string[]}} Suggestions
 */

/**
 * Whom to send a test to.
 * @typedef {{recipient?: string | null}} TestIn
 */

/**
 * What came of a test.
 * @typedef {{delivered: boolean, problem: string, recipient: string}} TestOut
 */

/**
 * The text of the file.
 * @typedef {{file?: string | null, text: string}} TextOut
 */

/**
 * A token, without its secret.
 * @typedef {{created_at_ms: number, expires_at_ms?: number | null, grants: Grant[], id: string, name: string, owner: string, token?: string | null}} TokenOut
 */

/**
 * One thing that was asked, or asked, often.
 * @typedef {{count: number, error: number, key: string}} Top
 */

/**
 * What comes most often.
 * @typedef {ProgressOut & {items: ValueOut[], others: number, rows: number}} TopOut
 */

/**
 * What was asked often, within some minutes.
 * @typedef {{clients: Top[], counted: number, from_ms: number, names: Top[], types: Top[]}} Tops
 */

/**
 * What comes most often, and how many answers there were.
 * @typedef {Tops & {answers: number}} TopsOut
 */

/**
 * What was answered lately.
 * @typedef {Figures & {live: HubCounts, queries: number}} Traffic
 */

/**
 * How the transfers of a secondary zone go. Times are in milliseconds since 1970.
 * @typedef {{behind: BehindOut[], expires_at_ms?: number | null, last_error?: string | null, next_refresh_at_ms?: number | null, primary?: string | null, primary_serial?: number | null, refreshed_at_ms?: number | null}} TransferOut
 */

/**
 * A record type.
 * @typedef {{doc: string, fields: FieldOut[], name: string, number: number, source: string}} TypeOut
 */

/**
 * Counts of one type.
 * @typedef {{entries: number, hits: number, misses: number, type: string}} TypeStats
 */

/**
 * Somebody who may log in.
 * @typedef {{created_at_ms: number, disabled: boolean, display_name: string, has_password: boolean, name: string, roles: string[]}} UserOut
 */

/**
 * What changes of a user; what is left out stays.
 * @typedef {{disabled?: boolean | null, display_name?: string | null, old_password?: string | null, password?: string | null, roles?: string[] | null}} UserPatch
 */

/**
 * What a change would do.
 * @typedef {{diff: DifferenceOut[], errors: ConfigProblem[], text?: string | null, valid: boolean, warnings: ConfigProblem[]}} Validated
 */

/**
 * What is done about signatures of others that resolvers would refuse.
 * @typedef {'off' | 'warn' | 'refuse' | 'expire'} Validation
 */

/**
 * A value, and how often it comes.
 * @typedef {{count: number, value: string}} ValueOut
 */

/**
 * What is wrong with a backup.
 * @typedef {{problems: string[], sound: boolean}} Verified
 */

/**
 * A configuration that was in use.
 * @typedef {{at_ms: number, id: number, in_use: boolean, who: string, why: string}} VersionOut
 */

/**
 * A configuration that was in use, with its text.
 * @typedef {VersionOut & {diff: DifferenceOut[], text: string}} VersionText
 */

/**
 * The configurations that are kept, the latest first.
 * @typedef {{items: VersionOut[]}} VersionsOut
 */

/**
 * A new configuration: its whole text, or some values.
 * @typedef {{changes?: {[key: string]: any} | null, text?: string | null}} Wanted
 */

/**
 * Questions to resolve ahead.
 * @typedef {{questions: QuestionIn[]}} Warm
 */

/**
 * What came of it.
 * @typedef {{failed: number, resolved: number}} Warmed
 */

/**
 * Something the owner of a zone should look at.
 * @typedef {{detail: string, name: string, severity: string, type?: string | null}} Warning
 */

/**
 * What shall happen to a zone.
 * @typedef {'create' | 'edit' | 'configure' | 'delete'} ZoneAction
 */

/**
 * What happened to one zone.
 * @typedef {{action: string, added: RecordOut[], from?: number | null, removed: RecordOut[], settings_after?: SettingsOut | null, settings_before?: SettingsOut | null, to?: number | null, truncated: boolean, zone: string}} ZoneDiff
 */

/**
 * What the parent shall have.
 * @typedef {{cds: string[], keys: KeyDsOut[], zone: string}} ZoneDsOut
 */

/**
 * A key that signs a zone.
 * @typedef {{active_since_ms?: number | null, algorithm: string, algorithm_number: number, compromised: boolean, created_at_ms: number, dnskey: string, ds: DsTextOut[], ds_confirmed?: DsConfirmedOut | null, elements: KeyElementsOut, flags: number, going: boolean, origin: string, role: KeyRole, state: string, tag: number, wants_ds: boolean}} ZoneKeyOut
 */

/**
 * The signing of a zone.
 * @typedef {{error?: string | null, keys: ZoneKeyOut[], parent?: ParentOut | null, policy: string, refusal?: SigningRefusalOut | null, signatures: SignaturesOut, signed: boolean, signer?: string | null, stage: SigningStage, state: string, waits: KeyWaitOut[], zone: string}} ZoneKeysOut
 */

/**
 * A zone.
 * @typedef {{findings: FindingsOut, name: string, records: number, serial?: number | null, settings: SettingsOut, source: string, state: string, transfer?: TransferOut | null, unicode?: string | null, warnings?: Warning[]}} ZoneOut
 */

/**
 * A zone of a change.
 * @typedef {{action: string, from?: number | null, to?: number | null, zone: string}} ZoneOutcome
 */

/**
 * A change of one zone.
 * @typedef {{action: ZoneAction, changes?: RrsetStep[] | null, if_serial?: number | null, nameservers?: string[] | null, rrsets?: RrsetIn[] | null, settings?: SettingsIn | null, zone: string}} ZoneStep
 */

export {};
