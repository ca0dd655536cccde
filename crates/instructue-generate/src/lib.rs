//! Generated users with known answers: six sources for any number of users.
