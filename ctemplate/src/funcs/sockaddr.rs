//! The addresses of this machine, in the small template language of `go-sockaddr`.
//!
//! # Layout
//!
//! - [`address`]: an address of an interface, with its attributes.
//! - [`math`]: reckoning with them. [`choose`]: filters and orders. `rfc`: the networks that documents of the IETF name.
//! - [`host`]: what the kernel says.

pub mod address;
pub mod choose;
pub mod host;
pub mod math;
mod rfc;

use std::any::Any;
use std::sync::{Arc, LazyLock};

use gotemplate::{
    Error, Functions, List, MissingKey, Parser, Signature, Type, UintKind, Value, sprintf,
};

use self::address::{Address, KIND, LIST_KIND};
use self::host::Host;
use super::Parameter::Text;
use super::{Function, text_of, wrong};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[Function::new("sockaddr", &[], sockaddr).rest(Text)];

type Result<T> = std::result::Result<T, Error>;

/// `sockaddr PIPELINE`: what a pipeline of go-sockaddr's functions gives, such as `GetPrivateIP`.
pub fn sockaddr(_: &Session, arguments: &[Value]) -> Result<Value> {
    let words = arguments.iter().map(text_of).collect::<Result<Vec<_>>>()?;
    let mut host = Host::read()
        .map_err(|error| wrong(format!("unable to query interface addresses: {error}")))?;
    render(&mut host, &words.join(" ")).map(Value::from)
}

/// What a pipeline gives on a machine.
fn render(host: &mut Host, pipeline: &str) -> Result<String> {
    static ALL: LazyLock<Arc<Functions<Host>>> = LazyLock::new(|| library().into());
    let input = format!("{{{{ {pipeline} }}}}");
    let failed = |what: &str, error: &Error| {
        let input = sprintf("%+q", &[input.as_str().into()]);
        wrong(format!("unable to {what} {input}: {error}"))
    };
    let parser = Parser::new(Arc::clone(&ALL)).missing_key(MissingKey::Error);
    let template =
        parser.parse("sockaddr.Parse", &input).map_err(|error| failed("parse template", &error))?;
    let all = list(host.addresses.clone());
    template.render(host, &all).map_err(|error| failed("execute sockaddr input", &error))
}

fn library() -> Functions<Host> {
    let mut functions = Functions::new();
    let addresses = || Type::Named(LIST_KIND.into());
    let mut add =
        |name: &str, parameters: Vec<Type>, body: fn(&mut Host, &[Value]) -> Result<Value>| {
            functions.add(name, Signature::new(parameters), body);
        };
    let chosen = || vec![Type::String, Type::String, addresses()];
    add("GetAllInterfaces", vec![], |host, _| Ok(list(host.addresses.clone())));
    add("GetDefaultInterfaces", vec![], |host, _| host.default_addresses().map(list));
    add("GetPrivateInterfaces", vec![], |host, _| host.routed(true).map(list));
    add("GetPublicInterfaces", vec![], |host, _| host.routed(false).map(list));
    add("GetPrivateIP", vec![], |host, _| Ok(first(&host.routed(true)?)));
    add("GetPublicIP", vec![], |host, _| Ok(first(&host.routed(false)?)));
    add("GetPrivateIPs", vec![], |host, _| Ok(joined(&host.private()?)));
    add("GetPublicIPs", vec![], |host, _| Ok(joined(&host.public()?)));
    add("GetInterfaceIP", vec![Type::String], |host, a| {
        let named = host.named(text(a, 0)?)?;
        Ok(first(&choose::split("flag", "forwardable", &named)?.0))
    });
    add("GetInterfaceIPs", vec![Type::String], |host, a| Ok(joined(&host.named(text(a, 0)?)?)));
    add("include", chosen(), |_, a| {
        let matched = choose::include(text(a, 0)?, text(a, 1)?, &addresses_of(a, 2))?;
        Ok(list(matched))
    });
    add("exclude", chosen(), |_, a| {
        let rest = choose::exclude(text(a, 0)?, text(a, 1)?, &addresses_of(a, 2))?;
        Ok(list(rest))
    });
    add("sort", vec![Type::String, addresses()], |host, a| {
        let default = host.default_interface.as_deref();
        choose::sort(text(a, 0)?, addresses_of(a, 1), default).map(list)
    });
    add("unique", vec![Type::String, addresses()], |_, a| {
        choose::unique(text(a, 0)?, addresses_of(a, 1)).map(list)
    });
    add("attr", vec![Type::String, Type::Any], attr);
    add("join", chosen(), |_, a| {
        let name = text(a, 0)?.to_lowercase();
        let found =
            addresses_of(a, 2).iter().map(|it| it.attribute(&name)).collect::<Result<Vec<_>>>();
        Ok(found?.join(text(a, 1)?).into())
    });
    add("limit", vec![Type::Uint(UintKind::Uint), addresses()], |_, a| {
        let most = a.first().and_then(Value::as_i64).and_then(|most| usize::try_from(most).ok());
        Ok(list(addresses_of(a, 1).into_iter().take(most.unwrap_or(usize::MAX))))
    });
    add("offset", vec![Type::INT, addresses()], offset);
    add("math", chosen(), |_, a| {
        math::math(text(a, 0)?, text(a, 1)?, &addresses_of(a, 2)).map(list)
    });
    functions
}

/// `attr NAME ADDRESSES`: an attribute of an address, or of the first of several.
fn attr(_: &mut Host, arguments: &[Value]) -> Result<Value> {
    let (selector, value) = (text(arguments, 0)?, arguments.get(1).unwrap_or(&Value::Nil));
    let found = match value {
        Value::List(list) if list.type_of() == Type::Named(LIST_KIND.into()) => {
            let Some(first) = list.get(0) else { return Ok("".into()) };
            address(first)
        }
        value => address(value),
    };
    let Some(address) = found else {
        let of = [selector.into(), value.clone(), value.clone()];
        return Err(wrong(sprintf("unable to obtain attribute %s from type %T (%v)", &of)));
    };
    address.attribute(&selector.to_lowercase()).map(Value::from)
}

/// `offset COUNT ADDRESSES`: those after the first ones, or of a negative count the last ones.
fn offset(_: &mut Host, arguments: &[Value]) -> Result<Value> {
    let count = arguments.first().and_then(Value::as_i64).unwrap_or_default();
    let all = addresses_of(arguments, 1);
    let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if size > all.len() {
        return Err(wrong(format!(
            "unable to seek past the end of the interface array: offset ({size}) exceeds the number of interfaces ({})",
            all.len()
        )));
    }
    let skipped = if count < 0 { all.len() - size } else { size };
    Ok(list(all.into_iter().skip(skipped)))
}

fn list(addresses: impl IntoIterator<Item = Address>) -> Value {
    let items = addresses.into_iter().map(Value::object);
    List::new(Type::Named(KIND.into()), items).named(LIST_KIND).into()
}

fn first(addresses: &[Address]) -> Value {
    addresses.first().map(|it| it.ip.to_string()).unwrap_or_default().into()
}

fn joined(addresses: &[Address]) -> Value {
    addresses.iter().map(|it| it.ip.to_string()).collect::<Vec<_>>().join(" ").into()
}

fn text(arguments: &[Value], index: usize) -> Result<&str> {
    arguments.get(index).map_or(Ok(""), text_of)
}

fn addresses_of(arguments: &[Value], index: usize) -> Vec<Address> {
    let items = arguments.get(index).map(super::items).unwrap_or_default();
    items.iter().filter_map(address).cloned().collect()
}

fn address(value: &Value) -> Option<&Address> {
    let Value::Object(object) = value else { return None };
    let any: &dyn Any = object.as_ref();
    any.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_machine(pipeline: &str) -> std::result::Result<String, String> {
        let up = address::Flags { up: true, broadcast: true, running: true, ..Default::default() };
        let interface = |index, name: &str, flags| {
            let (name, hardware) = (name.to_owned(), "02:00:00:00:00:01".to_owned());
            Arc::new(address::Interface { index, mtu: 1500, name, hardware, flags })
        };
        let loopback = interface(1, "lo", address::Flags { loopback: true, ..up });
        let (eth0, eth1) = (interface(2, "eth0", up), interface(3, "eth1", up));
        let address = |interface: &Arc<_>, ip: &str, prefix| Address {
            interface: Arc::clone(interface),
            ip: ip.parse().unwrap(),
            prefix,
        };
        let addresses = vec![
            address(&loopback, "127.0.0.1", 8),
            address(&eth0, "203.1.1.7", 28),
            address(&eth1, "10.1.2.3", 16),
            address(&eth1, "10.1.2.4", 24),
            address(&eth1, "fd00::1", 64),
        ];
        let mut host = Host { addresses, default_interface: Some("eth1".to_owned()) };
        render(&mut host, pipeline).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_are_chosen_and_printed() {
        for (pipeline, want) in [
            ("GetPrivateIP", "10.1.2.3"),
            ("GetPrivateIPs", "10.1.2.3 10.1.2.4 fd00::1"),
            ("GetPublicIP", "203.1.1.7"),
            ("GetPublicIPs", "203.1.1.7"),
            ("GetInterfaceIP \"eth\"", "10.1.2.3"),
            ("GetInterfaceIPs \"eth0|lo\"", "127.0.0.1 203.1.1.7"),
            ("GetDefaultInterfaces | attr \"string\"", "10.1.2.3/16"),
            ("GetAllInterfaces | include \"network\" \"10.1.2.0/24\" | join \"size\" \",\"", "256"),
            (". | sort \"-address\" | include \"type\" \"IPv4\" | limit 1 | attr \"name\"", "eth0"),
            (". | exclude \"rfc\" \"6890\" | attr \"broadcast\"", "203.1.1.15"),
            (". | unique \"name\" | join \"name\" \" \"", "lo eth0 eth1"),
            (". | offset -1 | attr \"last_usable\"", "fd00::ffff:ffff:ffff:ffff"),
            (
                ". | include \"flags\" \"loopback\" | attr \"flags\"",
                "up|broadcast|loopback|running",
            ),
            (". | include \"name\" \"none\" | attr \"address\"", ""),
            (
                "GetDefaultInterfaces | math \"network\" \"-2\" | join \"address\" \" \"",
                "10.1.255.254 10.1.2.254 fd00::ffff:ffff:ffff:fffe",
            ),
            (
                ". | limit 2",
                "[127.0.0.1/8 {1 1500 lo 02:00:00:00:00:01 up|broadcast|loopback|running} \
                 203.1.1.7/28 {2 1500 eth0 02:00:00:00:00:01 up|broadcast|running}]",
            ),
        ] {
            assert_eq!(on_a_machine(pipeline).as_deref(), Ok(want), "{pipeline}");
        }
    }
}
