//! Many strings in one allocation. A vocabulary has hundreds of thousands.

/// An array of strings, such as a vocabulary, stored end to end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strings {
    text: String,
    /// Where each string ends.
    ends: Vec<usize>,
}

impl Strings {
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The string at a position, if there are so many.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.ends[before],
            None => 0,
        };
        Some(&self.text[start..end])
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let text = &self.text[start..*end];
            start = *end;
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_back_in_order() {
        let mut strings = Strings::default();
        assert!(strings.is_empty());
        let texts = ["a", "", "äö", "b"];
        texts.iter().for_each(|text| strings.push(text));
        assert!(strings.iter().eq(texts));
        let each: Vec<_> = (0..strings.len()).filter_map(|i| strings.get(i)).collect();
        assert_eq!(each, texts);
        assert_eq!(strings.get(4), None);
    }
}
