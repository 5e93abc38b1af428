//! The sandbox and the test rig: real Consul, real HAProxy, a development Marathon.
