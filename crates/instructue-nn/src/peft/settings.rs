//! The text of an `adapter_config.json`, written for the factors that a model has.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::config::TaskType;
use crate::lora::Lora;

/// What a map with factors needs to be said of it.
pub(super) struct Adapted<'a> {
    pub path: &'a str,
    pub target: &'a str,
    rank: usize,
    alpha: f64,
    pub dropout: f64,
}

impl<'a> Adapted<'a> {
    pub(super) fn new(path: &'a str, target: &'a str, lora: &Lora) -> Self {
        let rank = lora.a.dims()[1];
        let alpha = lora.scale * rank as f64;
        // The division that made the scale is undone, its rounding too.
        let whole = alpha.round();
        let near = (alpha - whole).abs() <= 1e-12 * whole.abs();
        Self {
            path,
            target,
            rank,
            alpha: if near { whole } else { alpha },
            dropout: lora.dropout.prob,
        }
    }
}

/// The text for at least one map.
pub(super) fn to_json(
    task: TaskType,
    base: Option<&str>,
    targets: &[&str],
    maps: &[Adapted<'_>],
) -> String {
    let rank = |map: &Adapted<'_>| json!(map.rank);
    // PEFT declares a whole number and takes any; most files hold a whole one.
    let alpha = |map: &Adapted<'_>| match map.alpha.fract() == 0.0 && map.alpha.abs() < 1e15 {
        true => json!(map.alpha as i64),
        false => json!(map.alpha),
    };
    let (r, rank_pattern) = common(maps, rank);
    let (lora_alpha, alpha_pattern) = common(maps, alpha);
    let value = json!({
        "peft_type": "LORA",
        "task_type": task.name(),
        "base_model_name_or_path": base,
        "inference_mode": true,
        "r": r,
        "lora_alpha": lora_alpha,
        "lora_dropout": maps.first().map_or(0.0, |map| map.dropout),
        "target_modules": targets,
        "bias": "none",
        "fan_in_fan_out": false,
        "init_lora_weights": true,
        "use_rslora": false,
        "use_dora": false,
        "modules_to_save": null,
        "rank_pattern": rank_pattern,
        "alpha_pattern": alpha_pattern,
    });
    format!("{value:#}\n")
}

/// The value that most maps have, and a pattern for each other: the target's name
/// where its maps agree, else their paths. No two of them match the same map.
fn common(
    maps: &[Adapted<'_>],
    value: impl Fn(&Adapted<'_>) -> Value,
) -> (Value, BTreeMap<String, Value>) {
    let mut counts: Vec<(Value, usize)> = Vec::new();
    let mut by_target: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for map in maps {
        let value = value(map);
        match counts.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => counts.push((value.clone(), 1)),
        }
        let values = by_target.entry(map.target).or_default();
        if !values.contains(&value) {
            values.push(value);
        }
    }
    // Of those that are as frequent, the first.
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    let most = most.map_or(Value::Null, |(value, _)| value.clone());
    let others = maps.iter().filter(|map| value(map) != most);
    let pattern = |map: &Adapted<'_>| {
        let key = match by_target[map.target].len() {
            1 => map.target,
            _ => map.path,
        };
        (key.to_owned(), value(map))
    };
    let patterns = others.map(pattern).collect();
    (most, patterns)
}
