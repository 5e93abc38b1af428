//! A catalog written down, and what the shipped templates make of it.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

use ctemplate::config::settings::{self, Delimiters};
use ctemplate::data::{Data, Instance};
use ctemplate::dependency::Dependency;
use ctemplate::render::{self, Template};
use ctemplate::source;
use ctemplate::store::Store;
use serde::Deserialize;

/// What Consul knows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalog {
    instances: Vec<Registered>,
    keys: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registered {
    service: String,
    id: String,
    node: String,
    address: String,
    port: i64,
    tags: Vec<String>,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default = "yes")]
    passing: bool,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

impl Catalog {
    /// The text a shipped template becomes, and what it leaves out.
    pub(crate) fn rendered(
        &self,
        name: &str,
        values: Option<&Path>,
    ) -> Result<(String, BTreeSet<String>), Box<dyn Error>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates").join(name);
        let config = settings::Template::new(settings::Source::File(path));
        let source = source::load(&config, &Delimiters::default(), values)?;
        let template = Template::parse(source)?;
        let mut store = Store::default();
        loop {
            let rendered = render::render(&template, &store);
            if rendered.record.missing.is_empty() {
                return Ok((rendered.text?, rendered.record.problems));
            }
            for missing in rendered.record.missing {
                let data = self.answer(&missing);
                store.insert(missing, data);
            }
        }
    }

    fn answer(&self, dependency: &Dependency) -> Data {
        match dependency {
            Dependency::Key(key) => Data::Key(self.keys.get(&key.path).cloned()),
            Dependency::Services { .. } => Data::services(self.services()),
            Dependency::Instances(wanted) => Data::Instances(
                self.instances
                    .iter()
                    .filter(|it| it.service == wanted.name && it.passing)
                    .filter(|it| wanted.tag.as_ref().is_none_or(|tag| it.tags.contains(tag)))
                    .map(Registered::instance)
                    .collect(),
            ),
            other => panic!("the shipped templates have no business with {other}"),
        }
    }

    /// Each service with the tags of all its instances.
    fn services(&self) -> BTreeMap<String, Vec<String>> {
        let mut services: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for instance in &self.instances {
            services.entry(instance.service.clone()).or_default().extend(instance.tags.clone());
        }
        services.into_iter().map(|(name, tags)| (name, tags.into_iter().collect())).collect()
    }
}

impl Registered {
    fn instance(&self) -> Instance {
        let mut instance = Instance {
            node: self.node.clone(),
            id: self.id.clone(),
            name: self.service.clone(),
            address: self.address.clone(),
            port: self.port,
            tags: self.tags.clone(),
            ..Instance::default()
        };
        instance.weights.passing = self.weight;
        instance
    }
}
