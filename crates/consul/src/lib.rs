//! Consul's HTTP API as the three programs use it: typed answers and blocking queries.
