//! What a user, a source, an event, an instruction and an answer are: source declarations, Arrow schemas, validation.
