//! Checks that Consul's agent runs.

use consul::Config;
use integration::rig::dev_agent::DevAgent;
use integration::rig::eventually::eventually;
use serde_json::json;

use crate::rig::{PATIENCE, Rig, web};

#[tokio::test]
async fn scripts_are_registered_where_the_agent_takes_them_and_reported_elsewhere() {
    let rows: [(&[&str], bool); 3] = [
        (&[], false),
        // Only for what its own configuration files register.
        (&["enable_local_script_checks = true"], false),
        (&["enable_script_checks = true"], true),
    ];
    for (settings, runs) in rows {
        let consul = DevAgent::start_with(settings, Config::default()).await.unwrap();
        let rig = Rig::beside(consul, &[]).await;
        let mut app = web(1);
        // Only a script that has run can have made it pass.
        app["labels"] = json!({
            "SERVICE_CHECK_SCRIPT": "test $SERVICE_IP:$SERVICE_PORT != :", "SERVICE_CHECK_INTERVAL": "1s",
            "SERVICE_CHECK_INITIAL_STATUS": "critical",
        });
        rig.deploy(&app).await;
        rig.mirrored(1).await;
        let checks = async || rig.consul.client().agent_checks().await.unwrap();
        let (app, reason) =
            ("app=/web", "SERVICE_CHECK_SCRIPT left out: the agent runs no scripts");
        if runs {
            eventually("the script to have run", PATIENCE, async || {
                let checks = checks().await;
                let passes = |check: &consul::wire::Check| check.status == "passing";
                if checks.values().any(passes) { Ok(()) } else { Err(format!("{checks:?}")) }
            })
            .await;
            assert_eq!(rig.times(reason), 0, "{}", rig.registrator.log());
            continue;
        }
        assert!(checks().await.is_empty(), "{settings:?}");
        rig.grown("registrator_syncs_total", 3).await;
        let log = rig.registrator.log();
        let reports: Vec<_> = log.lines().filter(|line| line.contains(reason)).collect();
        assert!(reports.len() == 1 && reports[0].contains(app), "{settings:?}: {log}");
        assert!(rig.page("/status").await.contains(reason));
        assert_eq!(rig.times("cannot be written"), 0, "{log}");
    }
}
