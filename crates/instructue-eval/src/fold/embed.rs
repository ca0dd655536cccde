//! Vectors of some users under some instructions, by place in the study.

use std::collections::HashMap;

use instructue_schema::{Matrix, Timestamp, UserRef, UserVectors};

use crate::embedder::Embedder;
use crate::error::{Error, Result};
use instructue_schema::Progress;

/// What vectors are wanted of whom.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Places of the users, each once.
    pub users: Vec<usize>,
    /// Profiles end here.
    pub reference: Timestamp,
    /// The instructions, each once.
    pub instructions: Vec<Option<String>>,
}

/// Vectors of some users of a study under some instructions.
#[derive(Debug, Clone)]
pub struct Embedded {
    rows: HashMap<usize, usize>,
    vectors: HashMap<Option<String>, UserVectors>,
}

/// Vectors by `model`, which finds a user of place p at `users[p]`. Whoever is nowhere
/// has no event left and is a row of zeros, which says nothing. `name` is the model's in
/// errors and progress.
///
/// # Errors
/// The model's own, and vectors of other shapes than were asked for or that are not finite.
pub fn embed(
    model: &dyn Embedder,
    name: &'static str,
    users: &[Option<UserRef>],
    asked: Asked,
    progress: &mut dyn FnMut(Progress),
) -> Result<Embedded> {
    let mut rows = HashMap::new();
    let mut found = Vec::new();
    for &user in &asked.users {
        if let Some(user_ref) = users[user] {
            rows.insert(user, found.len());
            found.push(user_ref);
        }
    }
    let vectors = model.embed_users(&found, asked.reference, &asked.instructions, progress);
    let mut vectors = vectors.map_err(|source| Error::Model {
        model: name,
        source,
    })?;
    check_vectors(&vectors, asked.instructions.len(), found.len(), name)?;
    if rows.len() < asked.users.len() {
        for one in &mut vectors {
            for matrix in one.parts_mut() {
                matrix.append(Matrix::zeros(1, matrix.columns))?;
            }
        }
        for &user in &asked.users {
            rows.entry(user).or_insert(found.len());
        }
    }
    let vectors = asked.instructions.into_iter().zip(vectors).collect();
    Ok(Embedded { rows, vectors })
}

impl Embedded {
    /// The rows of `users` of what probes read, and the column where its second block begins.
    ///
    /// # Errors
    /// An instruction or a user that was not embedded.
    pub fn readable(&self, instruction: Option<&str>, users: &[usize]) -> Result<(Matrix, usize)> {
        let (all, places) = (self.of(instruction)?, self.places(users)?);
        Ok(all.select(&places).readable()?)
    }

    /// The rows of `users` in the space of texts.
    ///
    /// # Errors
    /// An instruction or a user that was not embedded.
    pub fn unit(&self, instruction: Option<&str>, users: &[usize]) -> Result<Matrix> {
        Ok(self.of(instruction)?.unit.select(&self.places(users)?))
    }

    fn of(&self, instruction: Option<&str>) -> Result<&UserVectors> {
        let found = self.vectors.get(&instruction.map(str::to_owned));
        let shown = instruction.unwrap_or("no instruction");
        found.ok_or_else(|| Error::shape("instructions", shown, "no vectors of it"))
    }

    fn places(&self, users: &[usize]) -> Result<Vec<usize>> {
        let place = |user: &usize| self.rows.get(user).copied();
        let places: Option<Vec<usize>> = users.iter().map(place).collect();
        places.ok_or_else(|| Error::shape("users", "embedded ones", "others"))
    }
}

/// Whether there are finite vectors for each instruction, with one row per user
/// and one width per kind.
pub(crate) fn check_vectors(
    vectors: &[UserVectors],
    instructions: usize,
    users: usize,
    model: &str,
) -> Result<()> {
    let what = format!("vectors of the {model} model");
    if vectors.len() != instructions {
        let what = format!("{what}: instructions");
        return Err(Error::shape(what, instructions, vectors.len()));
    }
    for kind in 0..UserVectors::default().parts().len() {
        let columns = vectors
            .first()
            .map_or(0, |first| first.parts()[kind].columns);
        for matrix in vectors.iter().map(|all| all.parts()[kind]) {
            matrix.check(&what)?;
            if matrix.rows != users || matrix.columns != columns {
                let found = format!("{} × {}", matrix.rows, matrix.columns);
                return Err(Error::shape(what, format!("{users} × {columns}"), found));
            }
        }
    }
    Ok(())
}

/// Texts in the space of users that are `columns` wide.
///
/// # Errors
/// The model's own, and vectors of another shape.
pub(crate) fn embed_texts(
    model: &dyn Embedder,
    name: &'static str,
    texts: &[String],
    columns: usize,
) -> Result<Matrix> {
    let found = model.embed_texts(texts).map_err(|source| Error::Model {
        model: name,
        source,
    })?;
    let what = format!("text vectors of the {name} model");
    found.check(&what)?;
    if (found.rows, found.columns) != (texts.len(), columns) {
        let expected = format!("{} × {columns}", texts.len());
        let found = format!("{} × {}", found.rows, found.columns);
        return Err(Error::shape(what, expected, found));
    }
    Ok(found)
}
