use super::*;
use crate::haproxy::site::{External, Internal, Served, WellKnown};

fn site() -> Site {
    let environment = |name: &str, port_prefix: &str, host_prefix: &str| Environment {
        name: name.to_owned(),
        port_prefix: port_prefix.to_owned(),
        host_prefix: host_prefix.to_owned(),
    };
    Site {
        environments: vec![
            environment("production", "", ""),
            environment("staging", "1", "staging-"),
        ],
        well_known: BTreeMap::from([("marathon".to_owned(), WellKnown { port: 18080 })]),
        services: Served { reserved_ports: BTreeSet::from([9000]), ..Served::default() },
        internal: Internal { stats_port: 8404 },
        external: External {
            http_port: 80,
            https_port: 443,
            stats_port: 8405,
            certificate: "a.pem".to_owned(),
            crt_list: String::new(),
        },
    }
}

fn service(name: &str, tags: &str) -> CatalogService {
    CatalogService {
        name: name.to_owned(),
        tags: tags.split_whitespace().map(str::to_owned).collect(),
    }
}

/// The table as text: `frontend ports hosts balance` a line.
fn printed(services: &[CatalogService]) -> (Vec<String>, Vec<String>) {
    let table = table(services, &site());
    let line = |route: &Route| {
        let ports: Vec<_> = route.ports.iter().map(u16::to_string).collect();
        let hosts: Vec<_> = route.hosts.iter().cloned().collect();
        let words =
            [&route.frontend, &ports.join(","), &hosts.join(","), &route.balance.to_owned()];
        words.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
    };
    (table.routes.iter().map(line).collect(), table.problems)
}

#[test]
fn a_service_is_reached_in_each_of_its_environments() {
    let (routes, problems) = printed(&[
        service("api", "production internal-listen-tcp-5000 balance-leastconn"),
        service("untagged", ""),
        service("web", "external-host-Example.com internal-listen-http-3000 production staging"),
    ]);
    assert_eq!(
        routes,
        [
            "internal_tcp_in_production:api 5000 leastconn",
            "internal_http_in_production:web 3000 example.com roundrobin",
            "internal_http_in_staging:web 13000 staging-example.com roundrobin",
        ]
    );
    assert_eq!(problems, [""; 0]);
}

#[test]
fn tags_of_an_app_with_several_ports_go_to_the_service_of_that_port() {
    let tags = "production internal-listen-http-3000 internal-listen-http-3010";
    let (routes, problems) = printed(&[service("web-3000", tags), service("web-3010", tags)]);
    assert_eq!(
        routes,
        [
            "internal_http_in_production:web-3000 3000 roundrobin",
            "internal_http_in_production:web-3010 3010 roundrobin"
        ]
    );
    assert_eq!(problems, [""; 0]);
}

#[test]
fn a_port_has_one_owner() {
    let (routes, problems) = printed(&[
        service("a", "production internal-listen-http-3000"),
        service("b", "production internal-listen-http-3000 internal-listen-http-3001"),
        service("c", "production staging internal-listen-http-8080"),
        service("d", "production internal-listen-http-13001"),
        service("e", "staging internal-listen-http-3001"),
    ]);
    assert_eq!(
        routes,
        [
            "internal_http_in_production:a 3000 roundrobin",
            "internal_http_in_production:b 3001 roundrobin",
            "internal_http_in_production:c 8080 roundrobin",
            "internal_http_in_production:d 13001 roundrobin",
        ]
    );
    assert_eq!(
        problems,
        [
            r#"service "b": port 3000 of production is left out: it belongs to production:a"#,
            r#"service "c": port 18080 of staging is left out: it belongs to marathon"#,
            r#"service "e": port 13001 of staging is left out: it belongs to production:d"#,
        ]
    );
}

#[test]
fn ports_of_the_two_load_balancers_do_not_meet() {
    let services = [
        service("a", "production internal-listen-tcp-5000 external-listen-tcp-5001"),
        service("b", "production internal-listen-tcp-5001 external-listen-tcp-5000"),
        service("c", "production external-listen-tcp-5000 external-listen-tcp-18080"),
        service("d", "production external-listen-http-443 external-listen-http-8405"),
        service("e", "production internal-listen-http-8404 external-listen-http-9000"),
        service("f", "production external-host-f.com external-listen-tcp-6000"),
    ];
    let table = table(&services, &site());
    let lines: Vec<_> = table
        .routes
        .iter()
        .map(|it| format!("{} {:?} {:?}", it.external_frontend, it.ports, it.external_ports))
        .collect();
    assert_eq!(
        lines,
        [
            "external_tcp_in_production:a {5000} {5001}",
            "external_tcp_in_production:b {5001} {5000}",
            "external_tcp_in_production:c {} {18080}",
            "external_http_in_production:f {} {}",
        ]
    );
    assert_eq!(
        table.problems,
        [
            r#"service "f": its TCP ports are left out: a service has one mode, and tags ask for HTTP too"#,
            r#"service "c": external port 5000 of production is left out: it belongs to production:b"#,
            r#"service "d": external port 443 of production is left out: it belongs to external.https_port"#,
            r#"service "d": external port 8405 of production is left out: it belongs to external.stats_port"#,
            r#"service "e": port 8404 of production is left out: it belongs to internal.stats_port"#,
            r#"service "e": external port 9000 of production is left out: it belongs to the site"#,
        ]
    );
}

#[test]
fn ports_with_tls_need_a_certificate_and_are_never_plain() {
    let services = [
        service("a", "production external-listen-https-8443 external-listen-http-8080"),
        service("b", "production staging external-listen-tls-8883"),
        service("c", "production external-listen-https-8443 external-listen-tls-8884"),
        service("d", "production external-listen-http-8444 external-listen-https-8444"),
        service("e", "production external-listen-tls-443"),
    ];
    let lines = |site: &Site| {
        let table = table(&services, site);
        let line = |it: &Route| {
            let (plain, encrypted) = (&it.external_ports, &it.external_tls_ports);
            format!("{} {plain:?} {encrypted:?}", it.external_frontend)
        };
        (table.routes.iter().map(line).collect::<Vec<_>>(), table.problems)
    };
    let (routes, problems) = lines(&site());
    assert_eq!(
        routes,
        [
            "external_http_in_production:a {8080} {8443}",
            "external_tcp_in_production:b {} {8883}",
            "external_http_in_production:d {} {8444}",
            "external_tcp_in_staging:b {} {18883}",
        ]
    );
    assert_eq!(
        problems,
        [
            r#"service "c": its TCP ports are left out: a service has one mode, and tags ask for HTTP too"#,
            r#"service "d": an external port has TLS only: tags ask for it with and without"#,
            r#"service "c": external port 8443 of production is left out: it belongs to production:a"#,
            r#"service "e": external port 443 of production is left out: it belongs to external.https_port"#,
        ]
    );
    let external = External { certificate: String::new(), ..site().external };
    let (routes, problems) = lines(&Site { external, ..site() });
    assert_eq!(routes, ["external_http_in_production:a {8080} {}"]);
    let what =
        r#"service "d": external port 8444 of production is left out: there is no certificate"#;
    assert!(problems.iter().any(|it| it == what), "{problems:#?}");
}

#[test]
fn a_staging_port_that_does_not_exist_is_left_out_alone() {
    let (routes, problems) =
        printed(&[service("web", "production staging internal-listen-http-10000")]);
    assert_eq!(routes, ["internal_http_in_production:web 10000 roundrobin"]);
    assert_eq!(
        problems,
        [r#"service "web": port 110000 of staging is left out: ports end at 65535"#]
    );
}

#[test]
fn what_haproxy_would_refuse_is_left_out_and_reported() {
    let hostile = CatalogService {
        name: "web".to_owned(),
        tags: vec![
            "internal-listen-http-3000\n  http-request deny".to_owned(),
            "production".to_owned(),
        ],
    };
    let (routes, problems) = printed(&[
        service("a#b", "production internal-listen-http-3000"),
        hostile,
        service(
            "x",
            "production balance-luck external-host-_ internal-listen-http-80 internal-listen-tcp-81",
        ),
    ]);
    assert_eq!(routes, ["internal_http_in_production:x 80 roundrobin"]);
    assert_eq!(problems.len(), 5, "{problems:#?}");
    assert!(problems.iter().all(|problem| !problem.contains('\n')));
}

#[test]
fn a_host_has_one_owner() {
    let (routes, problems) = printed(&[
        service("a", "production external-host-staging-x.com"),
        service("b", "staging external-host-x.com"),
    ]);
    assert_eq!(routes, ["internal_http_in_production:a staging-x.com roundrobin"]);
    assert_eq!(
        problems,
        [r#"service "b": host staging-x.com of staging is left out: it belongs to production:a"#]
    );
}

#[test]
fn longer_paths_are_tried_first_and_each_has_one_owner() {
    let table = table(
        &[
            service("a", "production external-host-x.com"),
            service("b", "production external-host-x.com external-path-/b external-path-/long/er"),
            service("c", "production external-host-x.com external-path-/b"),
            service("d", "production internal-listen-http-3000 external-path-/b"),
        ],
        &site(),
    );
    let rules: Vec<_> = table
        .rules()
        .iter()
        .map(|rule| format!("{}{} {}", rule.host, rule.path, rule.backend))
        .collect();
    assert_eq!(
        rules,
        [
            "x.com/long/er cluster_production:b",
            "x.com/b cluster_production:b",
            "x.com cluster_production:a",
        ]
    );
    assert_eq!(
        table.problems,
        [
            r#"service "d": its paths are left out: a path is below a host name"#,
            r#"service "c": host x.com of production is left out: it belongs to production:b"#,
        ]
    );
}

#[test]
fn a_service_whose_protection_is_misspelt_is_not_served() {
    let (routes, problems) = printed(&[
        service("a", "production internal-listen-http-3000 auth-a/b"),
        service("b", "production internal-listen-http-3001 allow-10.0.0.0/8 allow-nobody"),
        service("c", "production internal-listen-tcp-3002 auth-admins"),
        service("d", "production internal-listen-tcp-3003 sticky"),
    ]);
    assert_eq!(routes, ["internal_tcp_in_production:d 3003 roundrobin"]);
    assert_eq!(problems.len(), 4, "{problems:#?}");
}

#[test]
fn a_load_balancer_with_groups_is_for_these_only() {
    let groups = BTreeSet::from(["edge".to_owned()]);
    let site = Site { services: Served { groups, ..Served::default() }, ..site() };
    let services = [
        service("a", "production internal-listen-http-3000"),
        service("b", "production internal-listen-http-3000 group-edge"),
        service("c", "production internal-listen-http-3001 group-other"),
    ];
    let table = table(&services, &site);
    let names: Vec<_> = table.routes.iter().map(|route| route.name.as_str()).collect();
    assert_eq!((names, table.problems), (vec!["b"], vec![]));
}
