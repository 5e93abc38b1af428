//! The names of functions.

/// What this program has of its own.
pub(crate) const OURS: &[&str] = &["keyInteger", "quote", "routes", "rules", "servers", "users"];

/// What consul-template 0.41 knows, without sprig's; and the functions of Go's templates.
#[rustfmt::skip]
pub(crate) const THEIRS: &[&str] = &[
    // Consul.
    "caLeaf", "caRoots", "connect", "datacenters", "exportedServices", "key", "keyExists", "keyOrDefault", "ls", "node",
    "nodes", "partitions", "peerings", "safeLs", "safeTree", "service", "services", "tree",
    // Vault, files and Nomad.
    "file", "nomadService", "nomadServices", "nomadVar", "nomadVarExists", "nomadVarList", "nomadVarListSafe", "pkiCert",
    "secret", "secrets",
    // What a template remembers, with its methods.
    "scratch", ".Get", ".Key", ".MapSet", ".MapSetX", ".MapValues", ".Set", ".SetX",
    // Helpers.
    "base64Decode", "base64Encode", "base64URLDecode", "base64URLEncode", "byKey", "byMeta", "byPort", "byTag", "contains",
    "containsAll", "containsAny", "containsNone", "containsNotAll", "env", "envOrDefault", "executeTemplate", "explode",
    "explodeMap", "hmacSHA256Hex", "in", "indent", "join", "loop", "md5sum", "mergeMap", "mergeMapWithOverride", "mustEnv",
    "parseBool", "parseFloat", "parseInt", "parseJSON", "parseUint", "parseYAML", "plugin", "regexMatch", "regexReplaceAll",
    "replaceAll", "sha256Hex", "sockaddr", "split", "splitToMap", "timestamp", "toJSON", "toJSONPretty", "toLower", "toTOML",
    "toTitle", "toUnescapedJSON", "toUnescapedJSONPretty", "toUpper", "toYAML", "trim", "trimPrefix", "trimSpace",
    "trimSuffix", "writeToFile",
    // Numbers.
    "add", "divide", "maximum", "minimum", "modulo", "multiply", "subtract",
    // For people who look for a mistake.
    "spew_dump", "spew_printf", "spew_sdump", "spew_sprintf",
    // Go's.
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf", "println",
    "slice", "urlquery",
];
