//! The post-processor of a `tokenizer.json`, which puts special tokens around an encoder's text.

use serde_json::Value;

use crate::error::Error;

/// The ids of the special tokens before and after a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PostProcessor {
    pub(super) before: Vec<u32>,
    pub(super) after: Vec<u32>,
}

impl PostProcessor {
    /// Reads the post-processor. If it names no tokens, they are `cls` and `sep`. A tokenizer
    /// with neither belongs to no encoder and adds no special tokens.
    pub(super) fn read(
        file: &str,
        processor: &Value,
        cls: Option<u32>,
        sep: Option<u32>,
    ) -> Result<Self, Error> {
        let by_name = Self {
            before: cls.into_iter().collect(),
            after: sep.into_iter().collect(),
        };
        if by_name == Self::default() {
            return Ok(by_name);
        }
        // In a sequence of post-processors, one adds tokens.
        let several = processor["processors"].as_array();
        let one = std::slice::from_ref(processor);
        let mut post_processor = None;
        for processor in several.map_or(one, Vec::as_slice) {
            match processor["type"].as_str() {
                Some("TemplateProcessing") => post_processor = Some(template(file, processor)?),
                Some("BertProcessing" | "RobertaProcessing") => {
                    let id = |key: &str| {
                        let id = processor[key][1].as_u64().and_then(|id| id.try_into().ok());
                        let expected = format!("a token with its id in `post_processor.{key}`");
                        id.ok_or_else(|| Error::tokenizer(file, expected, &processor[key]))
                    };
                    post_processor = Some(Self {
                        before: vec![id("cls")?],
                        after: vec![id("sep")?],
                    });
                }
                _ => {}
            }
        }
        Ok(post_processor.unwrap_or(by_name))
    }

    pub(super) fn count(&self) -> usize {
        self.before.len() + self.after.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u32> {
        self.before.iter().chain(&self.after).copied()
    }
}

/// Reads the template of a single text: special tokens, the text, special tokens.
fn template(file: &str, processor: &Value) -> Result<PostProcessor, Error> {
    let mut post_processor = PostProcessor::default();
    let mut text = 0;
    let pieces = processor["single"].as_array();
    for piece in pieces.into_iter().flatten() {
        if !piece["Sequence"].is_null() {
            text += 1;
            continue;
        }
        let name = piece["SpecialToken"]["id"].as_str().unwrap_or_default();
        let ids = processor["special_tokens"][name]["ids"].as_array();
        let ids: Option<Vec<u32>> = ids.and_then(|ids| {
            let ids = ids.iter().map(|id| id.as_u64()?.try_into().ok());
            ids.collect()
        });
        let expected = "special tokens with their ids in `post_processor.single`";
        let ids = ids.ok_or_else(|| Error::tokenizer(file, expected, piece))?;
        match text {
            0 => post_processor.before.extend(ids),
            _ => post_processor.after.extend(ids),
        }
    }
    match text {
        1 => Ok(post_processor),
        _ => Err(Error::tokenizer(
            file,
            "one text in `post_processor.single`",
            text,
        )),
    }
}
