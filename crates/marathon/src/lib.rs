//! Marathon's REST API and event stream as the programs use them.
