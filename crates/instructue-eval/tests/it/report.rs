//! The report is one page that loads nothing and trusts no text.

use crate::common::{Fake, Setup};
use instructue_eval::{Evaluation, LossPoint, write_report};
use instructue_metrics::Map2d;

fn evaluated() -> Evaluation {
    let trained = Fake {
        trained: true,
        ..Fake::default()
    };
    let mut setup = Setup::new();
    setup.options.resamples = 50;
    let mut found = setup.evaluate(&trained, &Fake::default()).unwrap();
    found.title = "A run".to_owned();
    found.notes = vec!["On generated users".to_owned()];
    found.facts = vec![("seed".to_owned(), "7".to_owned())];
    found
}

fn losses() -> Vec<LossPoint> {
    (0..300)
        .map(|step| LossPoint {
            step,
            validation: step % 50 == 49,
            contrastive: 3.0 - step as f64 / 200.0,
            next_token: 5.0 / (1.0 + step as f64 / 100.0),
            users_per_second: (step % 50 != 49).then_some(12.5),
        })
        .collect()
}

fn written(evaluation: &Evaluation, losses: &[LossPoint]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.html");
    write_report(&path, evaluation, losses).unwrap();
    std::fs::read_to_string(&path).unwrap()
}

/// The page without the bodies of its scripts, and those bodies.
fn split(page: &str) -> (String, Vec<String>) {
    let (mut rest, mut html, mut scripts) = (page, String::new(), Vec::new());
    while let Some(start) = rest.find("<script") {
        let open = start + rest[start..].find('>').unwrap() + 1;
        html.push_str(&rest[..open]);
        let end = open + rest[open..].find("</script>").unwrap();
        scripts.push(rest[open..end].to_owned());
        rest = &rest[end..];
    }
    html.push_str(rest);
    (html, scripts)
}

#[test]
fn the_page_is_complete_and_loads_nothing() {
    let page = written(&evaluated(), &losses());
    let (html, scripts) = split(&page);
    for heading in [
        "Training",
        "AUC by method and task",
        "Mean AUC at a glance",
        "Differences of AUC",
        "Curves by task",
        "Lift among the first 10 %",
        "KS by method and task",
        "Instructions",
        "Zero-shot",
        "Audience from one sentence",
        "Map of users",
        "Left out",
        "Methods",
        "How it was made",
    ] {
        assert!(html.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    // What was not measured has no section.
    for heading in [
        "Claims",
        "Noise",
        "Few labels",
        "Lookalike",
        "Next items",
        "Examples",
    ] {
        assert!(!html.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    // The library once; two losses, the dots, four curves of two tasks, the map.
    assert_eq!(
        scripts
            .iter()
            .filter(|script| script.len() > 1_000_000)
            .count(),
        1
    );
    assert_eq!(
        scripts
            .iter()
            .filter(|script| script.contains("Plotly.newPlot(\""))
            .count(),
        12
    );
    for word in [
        "src=", "href=", "http:", "https:", "url(", "@import", "<link", "<iframe", "<img",
    ] {
        assert!(!html.contains(word), "{word}");
    }
    assert!(!scripts.iter().any(|script| script.contains("import(")));
    assert!(html.contains("Content-Security-Policy") && html.contains("default-src 'none'"));
    for id in ["loss-c", "loss-n", "means", "ROC-0", "calibration-1", "map"] {
        assert_eq!(html.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
    }
    assert!(html.trim_end().ends_with("</html>"));
}

#[test]
fn text_cannot_become_markup_or_script() {
    const EVIL: &str = "</script><script>alert(1)</script><img src=x onerror=\"alert('2')\">";
    let mut evaluation = evaluated();
    evaluation.tasks[0].name = EVIL.to_owned();
    evaluation.tasks[2].skipped = Some(EVIL.to_owned());
    for probe in &mut evaluation.tasks[0].probes {
        probe.instruction = Some(EVIL.to_owned());
    }
    for info in &mut evaluation.methods {
        info.title = EVIL.to_owned();
    }
    evaluation.audience[0].sentence = EVIL.to_owned();
    evaluation.map.title = EVIL.to_owned();
    evaluation.map.groups[0] = EVIL.to_owned();
    evaluation.title = EVIL.to_owned();
    evaluation.notes = vec![EVIL.to_owned()];
    evaluation.facts = vec![(EVIL.to_owned(), EVIL.to_owned())];
    let page = written(&evaluation, &losses());
    let (html, scripts) = split(&page);
    let plain = split(&written(&evaluated(), &losses())).1;
    assert_eq!(scripts.len(), plain.len(), "no script more");
    assert!(!html.contains("<img") && !html.contains("onerror=\""));
    assert!(html.contains("&lt;/script&gt;&lt;script&gt;alert(1)"));
    // Within the figures neither the browser nor plotly finds a tag.
    for script in scripts
        .iter()
        .filter(|script| script.contains("Plotly.newPlot(\""))
    {
        assert!(!script.contains("<img") && !script.contains("\\u003cimg"));
    }
}

#[test]
fn sections_without_data_are_left_out() {
    let mut evaluation = evaluated();
    for task in &mut evaluation.tasks {
        task.skipped = Some("too few".to_owned());
    }
    evaluation.means.clear();
    evaluation.map = Map2d::default();
    let page = written(&evaluation, &[]);
    let (html, scripts) = split(&page);
    for heading in [
        "Training",
        "AUC by method and task",
        "Map of users",
        "Text → user",
    ] {
        assert!(!html.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    assert!(html.contains("<h2>Left out</h2>") && html.contains("<h2>How it was made</h2>"));
    assert_eq!(scripts.len(), 1);
}
