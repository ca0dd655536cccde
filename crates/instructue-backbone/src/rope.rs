//! Rotary positions in `config.json`: `rope_theta` and `rope_scaling`, or both in
//! `rope_parameters`, read as transformers reads them.

use instructue_nn::rope::{Llama3Scaling, RopeScaling, YarnScaling};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// The base where no file names one.
const THETA: f64 = 1e4;
/// What is understood.
const KINDS: &str = "\"default\", \"linear\", \"llama3\" or \"yarn\"";

/// What a file says of positions.
pub(crate) struct Named<'a> {
    pub theta: Option<f64>,
    pub scaling: Option<&'a Value>,
    pub parameters: Option<&'a Value>,
    pub partial: Option<f64>,
    /// Positions of the first training, where they stand beside the others.
    pub original: Option<usize>,
    pub positions: usize,
}

/// The base and the scaling.
pub(crate) fn read(named: &Named<'_>) -> Result<(f64, Option<RopeScaling>)> {
    let given = |value: &&Value| !(value.is_null() || **value == json!({}));
    let older = named.scaling.filter(given).map(|v| ("rope_scaling", v));
    let newer = named.parameters.filter(given);
    let chosen = older.or(newer.map(|v| ("rope_parameters", v)));
    let Some((parent, value)) = chosen else {
        whole("partial_rotary_factor", named.partial)?;
        return Ok((named.theta.unwrap_or(THETA), None));
    };
    let Some(map) = value.as_object() else {
        return refuse(parent, "an object", value);
    };
    let keys = Keys { parent, map, named };
    // Some families have a setting for each kind of layer; none of these does.
    if let Some((key, value)) = map.iter().find(|(_, value)| value.is_object()) {
        return refuse(keys.name(key), "a number or a name", value);
    }
    let partial = keys.optional("partial_rotary_factor")?;
    let name = keys.name("partial_rotary_factor");
    whole(&name, partial.or(named.partial))?;
    let theta = keys.optional("rope_theta")?.or(named.theta);
    Ok((theta.unwrap_or(THETA), keys.scaling()?))
}

/// Refuses a rotation of a part of each head.
fn whole(key: &str, share: Option<f64>) -> Result<()> {
    match share {
        None | Some(1.0) => Ok(()),
        Some(share) => refuse(key, "1, the whole head", share),
    }
}

/// The object that names the scaling.
struct Keys<'a> {
    parent: &'static str,
    map: &'a Map<String, Value>,
    named: &'a Named<'a>,
}

impl Keys<'_> {
    fn name(&self, key: &str) -> String {
        format!("{}.{key}", self.parent)
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn optional(&self, key: &str) -> Result<Option<f64>> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => refuse(self.name(key), "a number", value),
        }
    }

    fn number(&self, key: &str) -> Result<f64> {
        match self.optional(key)? {
            Some(number) => Ok(number),
            None => refuse(self.name(key), "a number", "nothing"),
        }
    }

    /// Positions of the first training; those of all where none are named.
    fn original(&self) -> Result<usize> {
        let key = "original_max_position_embeddings";
        if let Some(original) = self.named.original {
            return Ok(original);
        }
        let Some(value) = self.value(key) else {
            return Ok(self.named.positions);
        };
        match value.as_u64().and_then(|n| usize::try_from(n).ok()) {
            Some(original) => Ok(original),
            None => refuse(self.name(key), "a whole number", value),
        }
    }

    fn list(&self, key: &str) -> Result<Vec<f32>> {
        let numbers = self.value(key).and_then(Value::as_array);
        let numbers = numbers.and_then(|list| {
            let list = list.iter().map(|number| Some(number.as_f64()? as f32));
            list.collect()
        });
        numbers.map_or_else(|| refuse(self.name(key), "a list of numbers", "none"), Ok)
    }

    fn scaling(&self) -> Result<Option<RopeScaling>> {
        let (key, kind) = match self.value("rope_type") {
            Some(kind) => ("rope_type", kind),
            None => match self.value("type") {
                Some(kind) => ("type", kind),
                None => return Ok(None),
            },
        };
        Ok(Some(match kind.as_str() {
            Some("default") => return Ok(None),
            Some("linear") => RopeScaling::Linear {
                factor: self.number("factor")?,
            },
            Some("llama3") => RopeScaling::Llama3(Llama3Scaling {
                factor: self.number("factor")?,
                low_freq_factor: self.number("low_freq_factor")?,
                high_freq_factor: self.number("high_freq_factor")?,
                original_max_position_embeddings: self.original()?,
            }),
            Some("yarn") => RopeScaling::Yarn(self.yarn()?),
            Some("longrope") => self.factors()?,
            _ => return refuse(self.name(key), KINDS, kind),
        }))
    }

    fn yarn(&self) -> Result<YarnScaling> {
        let factor = self.number("factor")?;
        let attention_factor = match self.optional("attention_factor")? {
            Some(factor) => factor,
            None => {
                let all = self.optional("mscale_all_dim")?;
                YarnScaling::default_attention_factor(factor, self.optional("mscale")?, all)
            }
        };
        // 0 is none there.
        let turns = |key, usual| {
            let named = self.optional(key)?.filter(|turns| *turns != 0.0);
            Ok::<_, Error>(named.unwrap_or(usual))
        };
        let truncate = match self.value("truncate") {
            None => true,
            Some(Value::Bool(truncate)) => *truncate,
            Some(other) => return refuse(self.name("truncate"), "true or false", other),
        };
        Ok(YarnScaling {
            factor,
            beta_fast: turns("beta_fast", YarnScaling::BETA_FAST)?,
            beta_slow: turns("beta_slow", YarnScaling::BETA_SLOW)?,
            attention_factor,
            original_max_position_embeddings: self.original()?,
            truncate,
        })
    }

    /// `longrope` changes its factors where a text becomes long. What
    /// [`write`](write()) makes of factors does not.
    fn factors(&self) -> Result<RopeScaling> {
        let (short, long) = (self.list("short_factor")?, self.list("long_factor")?);
        if short != long {
            let expected = "the same as short_factor: they may not depend on the text's length";
            return refuse(self.name("long_factor"), expected, "others");
        }
        let scale = self.number("attention_factor")?;
        if scale != 1.0 {
            return refuse(self.name("attention_factor"), "1", scale);
        }
        Ok(RopeScaling::Factors(long))
    }
}

/// The scaling as `rope_scaling`, for a model of so many positions.
pub(crate) fn write(scaling: &RopeScaling, positions: usize) -> Value {
    match scaling {
        RopeScaling::Linear { factor } => json!({"rope_type": "linear", "factor": factor}),
        RopeScaling::Llama3(scaling) => json!({
            "rope_type": "llama3",
            "factor": scaling.factor,
            "low_freq_factor": scaling.low_freq_factor,
            "high_freq_factor": scaling.high_freq_factor,
            "original_max_position_embeddings": scaling.original_max_position_embeddings,
        }),
        RopeScaling::Yarn(scaling) => json!({
            "rope_type": "yarn",
            "factor": scaling.factor,
            "beta_fast": scaling.beta_fast,
            "beta_slow": scaling.beta_slow,
            "attention_factor": scaling.attention_factor,
            "original_max_position_embeddings": scaling.original_max_position_embeddings,
            "truncate": scaling.truncate,
        }),
        RopeScaling::Factors(factors) => json!({
            "rope_type": "longrope",
            "short_factor": factors,
            "long_factor": factors,
            "factor": 1.0,
            "attention_factor": 1.0,
            "original_max_position_embeddings": positions,
        }),
    }
}

fn refuse<T>(
    key: impl Into<String>,
    expected: impl Into<String>,
    found: impl ToString,
) -> Result<T> {
    Err(Error::setting(key, expected, found))
}
