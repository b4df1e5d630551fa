//! `alerts`: rules, recipients and the mail server.

use std::collections::HashSet;

use alerts::deliver::{Recipient, Way};
use alerts::mail::{MailSettings, MailTls};
use alerts::rule::{self, Condition};
use alerts::webhook::Webhook;
use alerts::{Rule, Settings, Severity};
use dns::Name;
use ipnet::IpNet;

use super::problem::{Mark, Report};
use super::raw::{self, AlertSeverity, SmtpTls};
use super::recursion::networks;
use super::value::At;

/// Most rules, and most recipients.
const MAX_ENTRIES: usize = 100;

/// Who is told of what. What is wrong goes to the report and is left out.
pub(super) fn check_alerts(raw: &raw::Alerts, server_name: &Name, report: &mut Report) -> Settings {
    for (key, list_mark, len) in
        [("rules", raw.rules.mark, raw.rules.len()), ("recipients", raw.recipients.mark, raw.recipients.len())]
    {
        if len > MAX_ENTRIES {
            report.error(list_mark, format!("alerts.{key}"), format!("{len} entries, at most {MAX_ENTRIES}"));
        }
    }
    let allowed = networks(&raw.allow_internal, "alerts.allow_internal", report);
    let mail = check_mail(&raw.smtp, server_name, report);
    let recipients = check_recipients(raw, &allowed, &mail, report);
    let names: HashSet<&str> = recipients.iter().map(|recipient| recipient.name.as_str()).collect();
    let mut rules: Vec<Rule> = Vec::new();
    for (index, entry) in raw.rules.iter().enumerate() {
        let path = format!("alerts.rules[{index}]");
        if rules.iter().any(|rule| rule.name == *entry.name) {
            report.error(entry.name.mark, format!("{path}.name"), format!("rule {} is given twice", entry.name.value));
            continue;
        }
        for name in entry.recipients.iter().filter(|name| !names.contains(name.as_str())) {
            let message = format!("there is no recipient `{}` in alerts.recipients", name.value);
            report.error(name.mark, format!("{path}.recipients"), message);
        }
        rules.extend(check_rule(entry, &path, report));
    }
    let ours: HashSet<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    let built_in = if *raw.built_in { rule::built_in() } else { Vec::new() };
    let mut all: Vec<Rule> = built_in.into_iter().filter(|rule| !ours.contains(rule.name.as_str())).collect();
    all.append(&mut rules);
    Settings { rules: all, recipients, mail }
}

fn check_rule(entry: &At<raw::AlertRule>, path: &str, report: &mut Report) -> Option<Rule> {
    let name = named(&entry.name, entry.mark, path, report);
    let condition = match entry.when.parse::<Condition>() {
        _ if entry.when.is_empty() => Err((entry.mark, "missing".to_owned())),
        Ok(condition) => Ok(condition),
        Err(error) => Err((entry.when.mark, format!("`{}`: {error}", entry.when.value))),
    };
    let condition = condition.map_err(|(mark, message)| report.error(mark, format!("{path}.when"), message));
    Some(Rule {
        name: name?,
        condition: condition.ok()?,
        for_s: entry.for_seconds.0,
        severity: severity(*entry.severity),
        summary: entry.summary.value.clone(),
        recipients: entry.recipients.iter().map(|name| name.value.clone()).collect(),
    })
}

/// The name of an entry, which must have one.
fn named(name: &At<String>, entry: Mark, path: &str, report: &mut Report) -> Option<String> {
    if name.is_empty() {
        report.error(entry, format!("{path}.name"), "missing");
        return None;
    }
    Some(name.value.clone())
}

fn check_recipients(raw: &raw::Alerts, allowed: &[IpNet], mail: &MailSettings, report: &mut Report) -> Vec<Recipient> {
    let mut recipients: Vec<Recipient> = Vec::new();
    for (index, entry) in raw.recipients.iter().enumerate() {
        let path = format!("alerts.recipients[{index}]");
        let name = named(&entry.name, entry.mark, &path, report);
        if name.as_ref().is_some_and(|name| recipients.iter().any(|it| it.name == *name)) {
            let message = format!("recipient {} is given twice", entry.name.value);
            report.error(entry.name.mark, format!("{path}.name"), message);
            continue;
        }
        let Some((name, way)) = name.zip(check_way(entry, &path, allowed, mail, report)) else { continue };
        let (after_s, min_severity) = (entry.after_minutes.0 * 60, severity(*entry.min_severity));
        recipients.push(Recipient { name, way, after_s, min_severity });
    }
    recipients
}

fn check_way(
    entry: &At<raw::AlertRecipient>,
    path: &str,
    allowed: &[IpNet],
    mail: &MailSettings,
    report: &mut Report,
) -> Option<Way> {
    match (entry.url.as_str(), entry.mail.as_str()) {
        ("", "") => report.error(entry.mark, path, "neither `url` nor `mail`"),
        (_, "") if !entry.url.starts_with("http://") && !entry.url.starts_with("https://") => {
            let message = format!("`{}` does not begin with http:// or https://", entry.url.value);
            report.error(entry.url.mark, format!("{path}.url"), message);
        }
        (url, "") => {
            return Some(Way::Webhook(Webhook {
                url: url.to_owned(),
                secret: entry.secret.text().into(),
                template: entry.template.value.clone(),
                content_type: entry.content_type.value.clone(),
                allowed: allowed.to_vec(),
            }));
        }
        ("", address) if !address.contains('@') => {
            let message = format!("`{address}` is no mail address (`name@example.org`)");
            report.error(entry.mail.mark, format!("{path}.mail"), message);
        }
        ("", _) if mail.server.is_empty() => {
            report.error(entry.mail.mark, format!("{path}.mail"), "a mail needs `alerts.smtp.server`");
        }
        ("", address) => return Some(Way::Mail(address.to_owned())),
        _ => report.error(entry.mark, path, "both `url` and `mail`: make it two recipients"),
    }
    None
}

fn check_mail(smtp: &raw::Smtp, server_name: &Name, report: &mut Report) -> MailSettings {
    let (tls, default_port) = match *smtp.tls {
        SmtpTls::Starttls => (MailTls::Starttls, 587),
        SmtpTls::Implicit => (MailTls::Implicit, 465),
        SmtpTls::None => (MailTls::None, 25),
    };
    let mut authorities_pem = Vec::new();
    if !smtp.ca_file.is_empty() {
        let file = report.resolve(smtp.ca_file.mark, &smtp.ca_file);
        match std::fs::read(&file) {
            Ok(pem) => authorities_pem = pem,
            Err(error) => {
                let message = format!("{}: {error}", file.display());
                report.error(smtp.ca_file.mark, "alerts.smtp.ca_file", message);
            }
        }
    }
    let host = server_name.to_string();
    let host = host.trim_end_matches('.');
    MailSettings {
        server: smtp.server.value.clone(),
        port: if smtp.port.0 == 0 { default_port } else { smtp.port.0 as u16 },
        tls,
        authorities_pem,
        user: smtp.user.value.clone(),
        password: smtp.password.text().into(),
        from: if smtp.from.is_empty() { format!("headwater@{host}") } else { smtp.from.value.clone() },
        server_name: host.to_owned(),
    }
}

fn severity(severity: AlertSeverity) -> Severity {
    match severity {
        AlertSeverity::Info => Severity::Info,
        AlertSeverity::Warning => Severity::Warning,
        AlertSeverity::Critical => Severity::Critical,
    }
}
