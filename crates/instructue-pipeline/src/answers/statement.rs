//! A yes or a no in the question's own words.

/// The verbs that a yes-or-no question begins with.
const VERBS: [&str; 22] = [
    "will", "would", "does", "do", "did", "is", "are", "was", "were", "has", "have", "had", "can",
    "could", "should", "shall", "may", "might", "must", "isn't", "won't", "doesn't",
];
/// Subjects of one word.
const PRONOUNS: [&str; 8] = ["he", "she", "they", "it", "we", "you", "i", "there"];
/// Words that a longer subject begins with.
const DETERMINERS: [&str; 8] = ["this", "that", "the", "these", "those", "a", "an", "our"];
/// Nouns that such a subject ends with.
const NOUNS: [&str; 14] = [
    "user",
    "users",
    "household",
    "households",
    "customer",
    "customers",
    "client",
    "person",
    "people",
    "shopper",
    "visitor",
    "viewer",
    "member",
    "subscriber",
];
/// Words of a subject, at most.
const LONGEST: usize = 4;

/// The answer to a yes-or-no question as a sentence: "Will this user buy milk?" is answered
/// "No, this user will not buy milk." So it names what was asked, whatever that is. `None` for
/// another kind of question, or one whose subject is not found. English only.
pub fn statement(question: &str, yes: bool) -> Option<String> {
    let question = question.trim().trim_end_matches('?').trim_end();
    let words: Vec<&str> = question.split_whitespace().collect();
    let (verb, rest) = words.split_first()?;
    let verb = verb.to_lowercase();
    if !VERBS.contains(&&*verb) {
        return None;
    }
    let (verb, negated) = match verb.as_str() {
        "isn't" => ("is".to_owned(), true),
        "won't" => ("will".to_owned(), true),
        "doesn't" => ("does".to_owned(), true),
        _ => (verb, false),
    };
    let subject = subject(rest)?;
    let (subject, said) = rest.split_at(subject);
    if said.is_empty() {
        return None;
    }
    let subject = subject.join(" ");
    let said = said.join(" ");
    let answer = if yes { "Yes" } else { "No" };
    // The no to a negation is the plain sentence.
    for (mark, instead) in [("no longer ", "still "), ("not ", "")] {
        if let Some(rest) = said.strip_prefix(mark).filter(|_| !yes) {
            return Some(format!("{answer}, {subject} {verb} {instead}{rest}."));
        }
    }
    let not = if negated == yes { " not" } else { "" };
    Some(format!("{answer}, {subject} {verb}{not} {said}."))
}

/// How many words the subject has.
fn subject(words: &[&str]) -> Option<usize> {
    let first = words.first()?.to_lowercase();
    if PRONOUNS.contains(&&*first) {
        return Some(1);
    }
    if !DETERMINERS.contains(&&*first) {
        return None;
    }
    let nouns = words.iter().take(LONGEST).position(|word| {
        let word = word.to_lowercase();
        NOUNS.contains(&&*word)
    });
    // "The sales value of soda be 20 or more": all before the verb.
    nouns
        .or_else(|| words.iter().position(|word| *word == "be").map(|be| be - 1))
        .map(|last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_was_asked() {
        for (question, yes, no) in [
            (
                "Will this user buy oat milk in the next 30 days?",
                "Yes, this user will buy oat milk in the next 30 days.",
                "No, this user will not buy oat milk in the next 30 days.",
            ),
            (
                "will they cut back on food delivery next month",
                "Yes, they will cut back on food delivery next month.",
                "No, they will not cut back on food delivery next month.",
            ),
            (
                "Will this user no longer buy soda?",
                "Yes, this user will no longer buy soda.",
                "No, this user will still buy soda.",
            ),
            (
                "Does the young household have children?",
                "Yes, the young household does have children.",
                "No, the young household does not have children.",
            ),
            (
                "Will the sales value of SODA be 20 or more in the next 30 days?",
                "Yes, the sales value of SODA will be 20 or more in the next 30 days.",
                "No, the sales value of SODA will not be 20 or more in the next 30 days.",
            ),
            (
                "Won't she come back?",
                "Yes, she will not come back.",
                "No, she will come back.",
            ),
        ] {
            assert_eq!(statement(question, true).as_deref(), Some(yes));
            assert_eq!(statement(question, false).as_deref(), Some(no));
        }
    }

    #[test]
    fn other_questions_have_none() {
        for question in [
            "Which category does this user buy most?",
            "soda",
            "Will this user?",
            "Will",
            "",
            "Will Monday be a good day?",
        ] {
            assert_eq!(statement(question, true), None, "{question}");
        }
    }
}
