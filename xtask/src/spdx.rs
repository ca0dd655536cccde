//! SPDX licence expressions: is one of its choices allowed?

/// Whether an expression such as `(MIT OR Apache-2.0) AND Unicode-3.0` can be
/// satisfied by allowed licences only. The older `MIT/Apache-2.0` means `OR`.
///
/// # Errors
/// A message if the expression does not parse.
pub fn allowed(expression: &str, allow: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser {
        tokens: &tokens,
        allow,
    };
    let value = parser.or()?;
    match parser.tokens.first() {
        None => Ok(value),
        Some(token) => Err(format!("`{expression}`: unexpected `{token}`")),
    }
}

struct Parser<'a> {
    tokens: &'a [&'a str],
    allow: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Result<bool, String> {
        let mut value = self.and()?;
        while self.take("OR") {
            value |= self.and()?;
        }
        Ok(value)
    }

    fn and(&mut self) -> Result<bool, String> {
        let mut value = self.term()?;
        while self.take("AND") {
            value &= self.term()?;
        }
        Ok(value)
    }

    fn term(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let value = self.or()?;
            return if self.take(")") {
                Ok(value)
            } else {
                Err("a parenthesis is not closed".into())
            };
        }
        let licence = self.name()?;
        if self.take("WITH") {
            let exception = self.name()?;
            return Ok((self.allow)(&format!("{licence} WITH {exception}")));
        }
        Ok((self.allow)(licence))
    }

    fn name(&mut self) -> Result<&'a str, String> {
        match self.tokens {
            [name, rest @ ..] if !["AND", "OR", "WITH", "(", ")"].contains(name) => {
                self.tokens = rest;
                Ok(name)
            }
            [token, ..] => Err(format!("a licence is expected, found `{token}`")),
            [] => Err("a licence is expected, found the end".into()),
        }
    }

    fn take(&mut self, token: &str) -> bool {
        let there = self.tokens.first() == Some(&token);
        if there {
            self.tokens = &self.tokens[1..];
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::allowed;

    fn check(expression: &str) -> Result<bool, String> {
        allowed(expression, &|name| {
            ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&name)
        })
    }

    #[test]
    fn one_allowed_choice_is_enough_and_every_part_of_and_is_needed() {
        assert_eq!(check("MIT"), Ok(true));
        assert_eq!(check("GPL-3.0-only"), Ok(false));
        assert_eq!(check("MIT OR GPL-3.0-only"), Ok(true));
        assert_eq!(check("GPL-3.0-only/MIT"), Ok(true));
        assert_eq!(check("MIT AND GPL-3.0-only"), Ok(false));
        assert_eq!(check("MIT AND ISC"), Ok(true));
    }

    #[test]
    fn and_binds_tighter_than_or_and_parentheses_change_that() {
        assert_eq!(check("MIT OR ISC AND GPL-3.0-only"), Ok(true));
        assert_eq!(check("(MIT OR ISC) AND GPL-3.0-only"), Ok(false));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert_eq!(check("Apache-2.0 WITH LLVM-exception"), Ok(true));
        assert_eq!(check("Apache-2.0"), Ok(false));
        assert_eq!(check("MIT WITH LLVM-exception"), Ok(false));
    }

    #[test]
    fn nonsense_is_an_error_rather_than_a_no() {
        for text in ["", "MIT OR", "(MIT", "MIT ISC", "OR MIT", "MIT )"] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
