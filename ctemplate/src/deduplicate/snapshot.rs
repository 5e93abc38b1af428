//! The data as a value of Consul: JSON with a version, compressed as zlib does (RFC 1950).

use std::collections::BTreeMap;
use std::io::{Read, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::data::Data;
use crate::dependency::Dependency;

/// Of this format. It changes when [`Data`] changes.
const VERSION: u32 = 1;
/// The largest value that Consul takes, in bytes.
const LIMIT: usize = 512 * 1024;
/// What is larger when it is unpacked was not made by us, in bytes.
const UNPACKED: u64 = 256 * 1024 * 1024;

/// What another instance knows, by the ids of dependencies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, Data>);

/// A value that is no snapshot.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unreadable {
    /// The one that leads had to leave them out.
    #[error("they do not fit into a value of Consul")]
    TooLarge,
    /// It was written by another version.
    #[error("they have version {0} of the format, not {VERSION}")]
    Version(u32),
    /// It is something else.
    #[error("{0}")]
    Malformed(String),
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    data: Option<&'a BTreeMap<String, &'a Data>>,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Deserialize)]
struct Document {
    data: Option<BTreeMap<String, Data>>,
}

/// A value of Consul for these data, and whether they fit: otherwise it says that they do not.
pub fn encode(data: &BTreeMap<String, &Data>) -> (Vec<u8>, bool) {
    let pack = |data| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        let json = serde_json::to_vec(&Written { version: VERSION, data }).ok()?;
        encoder.write_all(&json).ok()?;
        encoder.finish().ok()
    };
    match pack(Some(data)).filter(|bytes| bytes.len() <= LIMIT) {
        Some(bytes) => (bytes, true),
        None => (pack(None).unwrap_or_default(), false),
    }
}

/// Reads a value of Consul.
///
/// # Errors
///
/// When it holds no data, or in no way that is known here.
pub fn decode(bytes: &[u8]) -> Result<Snapshot, Unreadable> {
    let mut json = Vec::new();
    let malformed = |error: &dyn std::fmt::Display| Unreadable::Malformed(error.to_string());
    let mut unpacked = ZlibDecoder::new(bytes).take(UNPACKED);
    unpacked.read_to_end(&mut json).map_err(|error| malformed(&error))?;
    let Version { version } = serde_json::from_slice(&json).map_err(|error| malformed(&error))?;
    if version != VERSION {
        return Err(Unreadable::Version(version));
    }
    let Document { data } = serde_json::from_slice(&json).map_err(|error| malformed(&error))?;
    data.map(Snapshot).ok_or(Unreadable::TooLarge)
}

impl Snapshot {
    /// What it says of a dependency.
    pub fn recall(&self, dependency: &Dependency) -> Option<&Data> {
        self.0.get(&dependency.to_string())
    }
}

impl<const N: usize> From<[(String, Data); N]> for Snapshot {
    fn from(data: [(String, Data); N]) -> Self {
        Self(data.into())
    }
}

#[cfg(test)]
mod tests {
    use consul::federation::{Consumers, ExportedService, ImportedService, Partition};

    use super::*;
    use crate::data::answer::{Check, Definition, Node};
    use crate::data::{CatalogService, Instance, KeyPair};

    fn written(data: &Snapshot) -> (Vec<u8>, bool) {
        encode(&data.0.iter().map(|(name, data)| (name.clone(), data)).collect())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = || "é\"\u{1}".to_owned();
        let check = Check {
            check_id: text(),
            exposed_port: -1,
            service_tags: Some(vec![]),
            definition: Some(Box::new(Definition {
                http: text(),
                header: Some(BTreeMap::new()),
                ..Definition::default()
            })),
            ..Check::default()
        };
        let instance = Instance {
            node: text(),
            node_meta: Some(BTreeMap::new()),
            checks: vec![check],
            port: 80,
            ..Instance::default()
        };
        let data = Snapshot::from([
            ("a".to_owned(), Data::Key(None)),
            ("b".to_owned(), Data::Key(Some(text()))),
            ("c".to_owned(), Data::Keys(vec![KeyPair { flags: u64::MAX, ..KeyPair::default() }])),
            ("d".to_owned(), Data::Instances(vec![instance])),
            ("e".to_owned(), Data::Services(vec![CatalogService { name: text(), tags: vec![] }])),
            ("f".to_owned(), Data::Nodes(vec![Node { id: text(), ..Node::default() }])),
            ("g".to_owned(), Data::Datacenters(vec![text()])),
            (
                "h".to_owned(),
                Data::Partitions(vec![Partition { name: text(), description: text() }]),
            ),
            (
                "i".to_owned(),
                Data::ExportedServices(vec![ExportedService {
                    service: text(),
                    consumers: Consumers { peers: vec![text()], partitions: vec![] },
                }]),
            ),
            (
                "j".to_owned(),
                Data::ImportedServices(vec![ImportedService {
                    source_partition: text(),
                    ..ImportedService::default()
                }]),
            ),
        ]);
        let (bytes, fits) = written(&data);
        assert!(fits);
        assert_eq!(decode(&bytes), Ok(data));
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        // Does not become smaller: every byte differs from what a compressor could foresee.
        let mut seed = 1_u64;
        let mut noise = |_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'!' + u8::try_from((seed >> 33) % 90).unwrap())
        };
        let value = Data::Key(Some((0..2 * LIMIT).map(&mut noise).collect()));
        let (bytes, fits) = written(&Snapshot::from([("a".to_owned(), value)]));
        assert!(!fits);
        assert_eq!(decode(&bytes), Err(Unreadable::TooLarge));
        let value = Data::Key(Some("x".repeat(2 * LIMIT)));
        assert!(written(&Snapshot::from([("a".to_owned(), value)])).1);
    }

    #[test]
    fn what_another_program_wrote_is_no_snapshot() {
        let pack = |text: &str| {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(decode(&pack(r#"{"version":2,"data":7}"#)), Err(Unreadable::Version(2)));
        let bytes = pack(r#"{"version":1,"data":{"a":{"Key":"1"}}}"#);
        assert!(decode(&bytes).is_ok());
        for bytes in [
            &b""[..],
            b"__NO_DATA__",
            &bytes[..9],
            &pack("[]"),
            &pack(r#"{"version":1,"data":{"a":1}}"#),
        ] {
            assert!(matches!(decode(bytes), Err(Unreadable::Malformed(_))), "{bytes:?}");
        }
    }
}
