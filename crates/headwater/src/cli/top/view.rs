//! How it looks. Everything has its place in 80 columns and 24 lines; what is larger has more rows.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Row as Cells, Sparkline, Table};

use super::keys::Keys;
use super::model::{Model, Row, milliseconds, percent};
use super::plain::PATHS;

/// Lines of the figures.
const FIGURES_LINES: u16 = 5;
/// Lines of the tops, with their frame.
const TOPS_LINES: u16 = 7;

/// Draws it all.
pub fn draw(frame: &mut Frame<'_>, model: &Model, keys: &Keys) {
    let parts = [
        Constraint::Length(1),
        Constraint::Length(FIGURES_LINES),
        Constraint::Length(TOPS_LINES),
        Constraint::Min(3),
        Constraint::Length(1),
    ];
    let [head, figures, tops, rows, foot] = Layout::vertical(parts).areas(frame.area());
    frame.render_widget(Line::from(headline(model)).style(bold()), head);
    draw_figures(frame, model, figures);
    let [names, clients] = Layout::horizontal([Constraint::Percentage(60), Constraint::Percentage(40)]).areas(tops);
    draw_top(frame, " names ", &model.top("names"), names);
    draw_top(frame, " clients ", &model.top("clients"), clients);
    draw_rows(frame, model, keys, rows);
    frame.render_widget(foot_line(model, keys), foot);
}

fn bold() -> Style {
    Style::default().add_modifier(Modifier::BOLD)
}

fn dim() -> Style {
    Style::default().add_modifier(Modifier::DIM)
}

fn headline(model: &Model) -> String {
    format!(
        "{:.0} queries/s  hits {}  NXDOMAIN {:.1} %  SERVFAIL {:.2} %  lost {:.0}/s",
        model.figure("/qps").unwrap_or(0.0),
        percent(model.figure("/hit_ratio")),
        model.percent_of("NXDOMAIN"),
        model.percent_of("SERVFAIL"),
        model.figure("/dropped").unwrap_or(0.0),
    )
}

fn draw_figures(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let parts = [Constraint::Min(20), Constraint::Length(21), Constraint::Length(32)];
    let [rates, sources, latency] = Layout::horizontal(parts).areas(area);
    let width = usize::from(rates.width.saturating_sub(1));
    let latest = model.rates.iter().rev().take(width).map(|rate| rate.round() as u64);
    let mut latest: Vec<u64> = latest.collect();
    latest.reverse();
    frame.render_widget(Sparkline::default().data(&latest).block(Block::new().title("queries/s")), rates);
    let source = |name: &str| {
        let rate = model.figure(&format!("/sources/{name}")).unwrap_or(0.0);
        Line::from(format!(" {name:<9}{rate:>9.0}/s"))
    };
    let lines: Vec<Line<'_>> = ["zone", "cache", "resolved", "stale", "refused"].into_iter().map(source).collect();
    frame.render_widget(Paragraph::new(lines), sources);
    let row = |path: &str| {
        let ms = |quantile: &str| milliseconds(model.figure(&format!("/latency_ms/{path}/{quantile}")));
        Line::from(format!(" {path:<9}{:>7}{:>7}{:>7}", ms("p50"), ms("p95"), ms("p99")))
    };
    let header = Line::from(format!(" {:<9}{:>7}{:>7}{:>7}", "ms", "p50", "p95", "p99")).style(dim());
    let lines: Vec<Line<'_>> = std::iter::once(header).chain(PATHS.into_iter().map(row)).collect();
    frame.render_widget(Paragraph::new(lines), latency);
}

fn draw_top(frame: &mut Frame<'_>, title: &'static str, top: &[(String, u64)], area: Rect) {
    let width = usize::from(area.width).saturating_sub(12);
    let row = |(what, count): &(String, u64)| Line::from(format!("{count:>8}  {}", shortened(what, width)));
    let lines: Vec<Line<'_>> = top.iter().map(row).collect();
    let block = Block::new().borders(Borders::TOP).title(title).title(" of 5 minutes ");
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_rows(frame: &mut Frame<'_>, model: &Model, keys: &Keys, area: Rect) {
    let [seen, matched, sampled] = model.counts;
    let shown = match keys.is_paused {
        true => " paused ".to_owned(),
        false if sampled < matched => format!(" {sampled} of {matched} that match, of {seen} "),
        false => format!(" all {matched} that match, of {seen} "),
    };
    let block = Block::new().borders(Borders::TOP).title(" queries ").title(shown);
    let fixed = 12 + 16 + 6 + 9 + 9 + 6 + 6;
    let width = usize::from(area.width.saturating_sub(fixed)).max(10);
    let cells = |row: &Row| {
        let name = shortened(&row.name, width);
        let client = shortened(&row.client, 16);
        let ms = format!("{:>6}", milliseconds(Some(row.ms)));
        Cells::new([row.time.clone(), client, name, row.rtype.clone(), row.code.clone(), row.source.clone(), ms])
    };
    let widths = [
        Constraint::Length(12),
        Constraint::Length(16),
        Constraint::Min(10),
        Constraint::Length(6),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(6),
    ];
    frame.render_widget(Table::new(model.rows.iter().map(cells), widths).column_spacing(1).block(block), area);
}

fn foot_line<'a>(model: &'a Model, keys: &'a Keys) -> Line<'a> {
    if let Some(typed) = &keys.typed {
        return Line::from(vec![Span::styled("filter: ", bold()), Span::raw(typed.as_str()), Span::raw("_")]);
    }
    if let Some(trouble) = &model.trouble {
        return Line::from(trouble.as_str()).style(bold());
    }
    let filter = if keys.filter.is_empty() { "none" } else { &keys.filter };
    let help = format!("q quit   space {}   / filter: ", if keys.is_paused { "go on" } else { "pause" });
    Line::from(vec![Span::styled(help, dim()), Span::raw(filter)])
}

/// A text in so many columns, its middle left out: beginning and end of a name say most.
fn shortened(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width || width < 3 {
        return text.chars().take(width).collect();
    }
    let (begin, end) = ((width - 1) / 2, width / 2);
    let head = text.chars().take(begin);
    head.chain(std::iter::once('…')).chain(text.chars().skip(length - end)).collect()
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::*;

    fn model() -> Model {
        let mut model = Model::default();
        let latency = json!({"p50": 0.02, "p95": 12.34, "p99": 456.7});
        model.take(&json!({
            "t": "stat", "qps": 1204.0, "hit_ratio": 0.931, "dropped": 0.0,
            "results": {"NOERROR": 1083.6, "NXDOMAIN": 120.4, "SERVFAIL": 0.0},
            "sources": {"zone": 4.0, "cache": 1110.0, "resolved": 90.0, "stale": 0.0, "refused": 0.0},
            "latency_ms": {"zone": latency, "cache": latency, "resolved": latency},
        }));
        let name = format!("{}.example.", "long-label".repeat(6));
        model.take(&json!({
            "t": "tops", "names": [{"key": name, "count": 321}], "clients": [{"key": "192.0.2.7", "count": 99}],
        }));
        model.take(&json!({
            "t": "rows", "seen": 300, "matched": 40, "sampled": 1, "rows": [{
                "timestamp": "2026-11-30T12:03:11.482Z", "client_ip": "2001:db8:1234:5678:9abc:def0:1234:5678",
                "domain": name, "query_type": "AAAA", "response_code": "NXDOMAIN", "source": "resolved",
                "response_time_ms": 41.2,
            }],
        }));
        model
    }

    fn drawn(model: &Model, keys: &Keys, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
        terminal.draw(|frame| draw(frame, model, keys)).expect("drawn");
        let buffer = terminal.backend().buffer().clone();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(line).collect()
    }

    #[test]
    fn all_of_it_fits_into_80_by_24() {
        let lines = drawn(&model(), &Keys::new("code:NXDOMAIN", 20), 80, 24);
        let has = |text: &str| assert!(lines.iter().any(|line| line.contains(text)), "{text}:\n{}", lines.join("\n"));
        has("1204 queries/s  hits 93.1 %  NXDOMAIN 10.0 %  SERVFAIL 0.00 %  lost 0/s");
        has("resolved    0.02   12.3    457");
        has("cache         1110/s");
        has("     321  long-labellong");
        has("      99  192.0.2.7");
        has("1 of 40 that match, of 300");
        has("12:03:11.482 2001:db…234:5678");
        has("AAAA   NXDOMAIN  resolved    41.2");
        has("/ filter: code:NXDOMAIN");
    }

    #[test]
    fn no_size_is_too_small() {
        for (width, height) in [(1, 1), (10, 5), (40, 10), (300, 100)] {
            assert_eq!(drawn(&model(), &Keys::new("", 20), width, height).len(), usize::from(height));
        }
    }

    #[test]
    fn the_middle_is_left_out() {
        assert_eq!(shortened("abcdefghij", 7), "abc…hij");
        assert_eq!(shortened("abcdefghij", 10), "abcdefghij");
        assert_eq!(shortened("abc", 2), "ab");
    }
}
