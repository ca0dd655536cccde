//! The type of the ids that are written: that of the ids that were read.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, UInt64Array};
use arrow::datatypes::DataType;
use instructue_schema::{ColumnType, Schema, UserId};
use instructue_store::UserStore;

use crate::error::Result;

/// What holds all ids of a store, which keeps them as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdType {
    Int64,
    /// Where an id is too large for the signed type and none is negative.
    UInt64,
    Text,
}

impl IdType {
    /// Integers if every source declares its users as `int` and 64 bits hold them.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn of(store: &UserStore) -> Result<Self> {
        if !declares_integers(store.schema()) {
            return Ok(Self::Text);
        }
        let mut fitting = Fitting::default();
        for shard in 0..store.shards() {
            for id in &store.shard_ids(shard)? {
                fitting.add(id);
            }
        }
        Ok(fitting.id_type())
    }

    /// The type of the column.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Int64 => DataType::Int64,
            Self::UInt64 => DataType::UInt64,
            Self::Text => DataType::Utf8,
        }
    }

    /// The column of some of the store's ids.
    pub fn array(self, ids: &[UserId]) -> ArrayRef {
        let ids = ids.iter().map(UserId::as_str);
        // All parse, or the type would be another one.
        match self {
            Self::Int64 => Arc::new(ids.map(|id| id.parse().ok()).collect::<Int64Array>()),
            Self::UInt64 => Arc::new(ids.map(|id| id.parse().ok()).collect::<UInt64Array>()),
            Self::Text => Arc::new(StringArray::from_iter_values(ids)),
        }
    }
}

fn declares_integers(schema: &Schema) -> bool {
    let mut with_users = schema.sources.iter().filter(|source| source.has_file());
    with_users.all(|source| source.user_column().ty == ColumnType::Int)
}

/// Which types hold all ids so far, written out the same.
struct Fitting {
    signed: bool,
    unsigned: bool,
}

impl Default for Fitting {
    fn default() -> Self {
        Self {
            signed: true,
            unsigned: true,
        }
    }
}

impl Fitting {
    fn add(&mut self, id: &UserId) {
        let id = id.as_str();
        let signed = |id: &str| {
            id.parse::<i64>()
                .is_ok_and(|number| number.to_string() == id)
        };
        let unsigned = |id: &str| {
            id.parse::<u64>()
                .is_ok_and(|number| number.to_string() == id)
        };
        self.signed &= signed(id);
        self.unsigned &= unsigned(id);
    }

    fn id_type(&self) -> IdType {
        match (self.signed, self.unsigned) {
            (true, _) => IdType::Int64,
            (false, true) => IdType::UInt64,
            (false, false) => IdType::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use arrow::array::{Array, RecordBatch};
    use instructue_store::IngestOptions;
    use parquet::arrow::ArrowWriter;

    use super::*;

    fn write(path: &Path, users: ArrayRef) {
        let times: ArrayRef = Arc::new(Int64Array::from(vec![1_700_000_000; users.len()]));
        let batch = RecordBatch::try_from_iter([("user", users), ("time", times)]).unwrap();
        let file = File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    /// The ids of a store of two sources, as they are written.
    fn written(one: (&str, ArrayRef), other: (&str, ArrayRef)) -> ArrayRef {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let mut schema = "name = \"ids\"\n".to_owned();
        for (name, (ty, users)) in [("one", one), ("other", other)] {
            write(&data.join(format!("{name}.parquet")), users);
            schema += &format!(
                "[[source]]\nname = \"{name}\"\nkind = \"events\"\ndescription = \"{name}\"\n\
                 column = [{{ name = \"user\", type = \"{ty}\", role = \"user\" }},\n\
                 {{ name = \"time\", type = \"int\", role = \"time\" }}]\n"
            );
        }
        let schema = Schema::from_toml(&schema).unwrap();
        let store = directory.path().join("store");
        let options = IngestOptions::default();
        let (store, _) = UserStore::ingest(&schema, &data, &store, &options, &mut |_| {}).unwrap();
        let id_type = IdType::of(&store).unwrap();
        let array = id_type.array(&store.shard(0).unwrap().users);
        assert_eq!(array.data_type(), &id_type.data_type());
        assert_eq!(array.null_count(), 0);
        array
    }

    #[test]
    fn ids_are_written_in_the_type_they_were_read_in() {
        let ints = |ids: &[i64]| Arc::new(Int64Array::from(ids.to_vec())) as ArrayRef;
        let texts = |ids: &[&str]| Arc::new(StringArray::from(ids.to_vec())) as ArrayRef;
        let large = |ids: &[u64]| Arc::new(UInt64Array::from(ids.to_vec())) as ArrayRef;
        let both = written(("int", ints(&[7, -3])), ("int", ints(&[i64::MAX])));
        assert_eq!(&both, &ints(&[-3, 7, i64::MAX]));
        let both = written(("int", ints(&[7])), ("int", large(&[u64::MAX])));
        assert_eq!(&both, &large(&[u64::MAX, 7]));
        // No integer type holds both.
        let both = written(("int", ints(&[-7])), ("int", large(&[u64::MAX])));
        assert_eq!(&both, &texts(&["-7", "18446744073709551615"]));
        // Another source's ids may be any text.
        let both = written(("int", ints(&[7])), ("text", texts(&["8"])));
        assert_eq!(&both, &texts(&["7", "8"]));
    }
}
