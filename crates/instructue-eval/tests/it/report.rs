//! The report is one page that loads nothing and trusts no text.

use crate::common::{Fake, Setup};
use instructue_eval::{Evaluation, LossPoint, Map2d, Summary, write_report};

fn proof() -> Evaluation {
    let trained = Fake {
        trained: true,
        ..Fake::default()
    };
    let mut setup = Setup::new();
    setup.options.resamples = 50;
    setup.prove(&trained, &Fake::default()).unwrap()
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

fn written(proof: &Evaluation, losses: &[LossPoint], map: &Map2d, summary: &Summary) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.html");
    write_report(&path, proof, losses, map, summary).unwrap();
    std::fs::read_to_string(&path).unwrap()
}

fn summary() -> Summary {
    Summary {
        title: "A run".to_owned(),
        subtitle: "On generated users".to_owned(),
        configuration: vec![("seed".to_owned(), "7".to_owned())],
    }
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
    let proof = proof();
    let page = written(&proof, &losses(), &proof.map, &summary());
    let (html, scripts) = split(&page);
    for heading in [
        "Training",
        "Tasks: AUC",
        "AUC at a glance",
        "Differences of AUC",
        "ROC curves",
        "Tasks: KS",
        "Instructions",
        "Zero-shot",
        "Map of users",
        "Configuration",
        "Left out",
    ] {
        assert!(html.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    // The library once; two losses, the dots, two ROC curves, the map.
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
        6
    );
    for word in [
        "src=", "href=", "http:", "https:", "url(", "@import", "<link", "<iframe", "<img",
    ] {
        assert!(!html.contains(word), "{word}");
    }
    assert!(!scripts.iter().any(|script| script.contains("import(")));
    assert!(html.contains("Content-Security-Policy") && html.contains("default-src 'none'"));
    for id in ["loss-c", "loss-n", "dots", "roc-0", "roc-1", "map"] {
        assert_eq!(html.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
    }
    assert!(html.trim_end().ends_with("</html>"));
}

#[test]
fn text_cannot_become_markup_or_script() {
    const EVIL: &str = "</script><script>alert(1)</script><img src=x onerror=\"alert('2')\">";
    let mut proof = proof();
    proof.tasks[0].name = EVIL.to_owned();
    proof.tasks[2].skipped = Some(EVIL.to_owned());
    for arm in &mut proof.tasks[0].arms {
        arm.instruction = Some(EVIL.to_owned());
    }
    let mut map = proof.map.clone();
    map.title = EVIL.to_owned();
    map.groups[0] = EVIL.to_owned();
    let summary = Summary {
        title: EVIL.to_owned(),
        subtitle: EVIL.to_owned(),
        configuration: vec![(EVIL.to_owned(), EVIL.to_owned())],
    };
    let page = written(&proof, &losses(), &map, &summary);
    let (html, scripts) = split(&page);
    let plain = split(&written(
        &self::proof(),
        &losses(),
        &self::proof().map,
        &self::summary(),
    ))
    .1;
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
    let mut proof = proof();
    proof
        .tasks
        .iter_mut()
        .for_each(|task| task.skipped = Some("too few".to_owned()));
    proof.average = Default::default();
    let page = written(&proof, &[], &Map2d::default(), &Summary::default());
    let (html, scripts) = split(&page);
    for heading in ["Training", "Tasks: AUC", "Map of users", "Text → user"] {
        assert!(!html.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    assert!(html.contains("<h2>Left out</h2>") && html.contains("<h2>Configuration</h2>"));
    assert_eq!(scripts.len(), 1);
}
