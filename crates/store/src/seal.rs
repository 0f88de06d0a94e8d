//! Placeholder for the sealing of secrets.
