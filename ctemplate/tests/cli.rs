//! The program as an operator meets it.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::{Command, Output};

    use clap::CommandFactory;
    use ctemplate::cli::Cli;
    use ctemplate::funcs::functions;
    use tempfile::TempDir;

    fn ctemplate(folder: &Path, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ctemplate"));
        // Whatever else the environment of the test says must not reach the program.
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).current_dir(folder).args(args).output().unwrap()
    }

    fn stdout(output: &Output) -> String {
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn stderr(output: &Output) -> String {
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// A folder with these files.
    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn help_teaches() {
        let output = ctemplate(Path::new("."), &["-help"]);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(stdout(&output), stdout(&ctemplate(Path::new("."), &["--help"])));
        // Wrapped at a width that depends on the terminal, so the snapshot has words, not lines.
        let words = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        insta::assert_snapshot!(words.replace(" --", "\n--").replace(" Logs:", "\nLogs:"));
        let short = stdout(&ctemplate(Path::new("."), &["-h"]));
        // One line an option has columns of spaces.
        let count = |text: &str| text.split_whitespace().count();
        assert!(short.contains("--template") && count(&short) < count(&stdout(&output)));
    }

    #[test]
    fn version_tells() {
        for flag in ["-version", "--version", "-v", "-V"] {
            let output = ctemplate(Path::new("."), &[flag]);
            assert_eq!(output.status.code(), Some(0), "{flag}");
            assert_eq!(stdout(&output), concat!("ctemplate ", env!("CARGO_PKG_VERSION"), "\n"));
        }
    }

    #[test]
    fn wrong_flags_end_with_13() {
        let folder = folder(&[("t.hbs", "x")]);
        let rows: [(&[&str], &str); 10] = [
            (&[], "error: nothing to do: give a -template, a -config, or a command to -exec"),
            (&["-tempalte", "t.hbs:out"], "unexpected argument '--tempalte'"),
            (&["-template", "t.hbs:out", "more"], "unexpected argument 'more'"),
            (&["-template"], "a value is required for '--template"),
            (&["-template", ":out"], "the template's path is missing"),
            (
                &["-template", "t.hbs"],
                "error: -template 't.hbs': the file to write is missing; write IN:OUT, or use -dry to print\n",
            ),
            (&["-template", "t.hbs:out", "-wait", "soon"], "'soon' is not a duration"),
            (
                &["-template", "t.hbs:out", "-wait", "2s:1s"],
                "the maximum in '2s:1s' is below the minimum",
            ),
            (&["-template", "t.hbs:out", "-once=maybe"], "expected true or false"),
            (&["-reload-haproxy", "s", "-template", "t.hbs:out"], "cannot be used with"),
        ];
        for (args, want) in rows {
            let output = ctemplate(folder.path(), args);
            assert_eq!(output.status.code(), Some(13), "{args:?}: {}", stderr(&output));
            assert!(stderr(&output).contains(want), "{args:?}: {}", stderr(&output));
        }
        assert!(!folder.path().join("out").exists());
    }

    #[test]
    fn wrong_templates_end_with_14() {
        let folder = folder(&[
            ("syntax.hbs", "one\n {{#if}"),
            ("name.hbs", "one\n {{nobody}}"),
            ("call.hbs", "{{parseInt \"x\"}}"),
            ("partial/t.hbs", "{{> p }}"),
            ("partial/partials/p.hbs", "{{#each}}"),
            ("good.hbs", "x"),
        ]);
        fs::create_dir(folder.path().join("taken")).unwrap();
        let rows: [(&[&str], &str); 8] = [
            (&["syntax.hbs:out"], "error: syntax.hbs:2:7: invalid handlebars syntax"),
            (&["name.hbs:out"], "error: name.hbs:2:2: there is no 'nobody' here\n"),
            (
                &["call.hbs:out"],
                "error: call.hbs:1:1: parseInt: strconv.ParseInt: parsing \"x\": invalid syntax\n",
            ),
            (&["partial/t.hbs:out"], "error: p:1:"),
            (&["good.hbs:taken"], "error: taken: Is a directory"),
            (&["good.hbs:good.hbs/out"], "error: good.hbs/out: Not a directory"),
            (
                &["good.hbs:out", "-check", "echo no; exit 3"],
                "error: out: refused by 'echo no; exit 3': exit status: 3: no\n",
            ),
            (
                &["good.hbs:out2:no-such-program"],
                "error: command 'no-such-program': No such file or directory",
            ),
        ];
        for (args, want) in rows {
            let args = [&["-once", "-log-level", "off", "-template"], args].concat();
            let output = ctemplate(folder.path(), &args);
            assert_eq!(output.status.code(), Some(14), "{args:?}: {}", stderr(&output));
            assert!(stderr(&output).contains(want), "{args:?}: {}", stderr(&output));
        }
        assert!(!folder.path().join("out").exists());
        // A command is for a file that is there.
        assert_eq!(fs::read_to_string(folder.path().join("out2")).unwrap(), "x");
    }

    #[test]
    fn wrong_files_of_settings_end_with_15() {
        let folder = folder(&[
            ("t.hbs", "{{values.a}}"),
            ("bad.toml", "a = 1\nb = \n"),
            ("bad.json", "{\n \"a\": }"),
            ("list.json", "[]"),
            ("beside/t.hbs", "x"),
            ("beside/values.toml", "= 1"),
        ]);
        let rows: [(&[&str], &str); 6] = [
            (&["absent.hbs:out"], "error: absent.hbs: No such file or directory"),
            (
                &["t.hbs:out", "-values", "absent.toml"],
                "error: absent.toml: No such file or directory",
            ),
            (
                &["t.hbs:out", "-values", "bad.toml"],
                "error: bad.toml: TOML parse error at line 2, column 5",
            ),
            (
                &["t.hbs:out", "-values", "bad.json"],
                "error: bad.json: expected value at line 2 column 7",
            ),
            (
                &["t.hbs:out", "-values", "list.json"],
                "error: list.json: settings are a table of names\n",
            ),
            (
                &["beside/t.hbs:out"],
                "error: beside/values.toml: TOML parse error at line 1, column 1",
            ),
        ];
        for (args, want) in rows {
            let args = [&["-once", "-template"], args].concat();
            let output = ctemplate(folder.path(), &args);
            assert_eq!(output.status.code(), Some(15), "{args:?}: {}", stderr(&output));
            assert!(stderr(&output).contains(want), "{args:?}: {}", stderr(&output));
        }
        assert!(!folder.path().join("out").exists());
    }

    #[test]
    fn a_wrong_configuration_ends_with_15_and_its_place() {
        let folder = folder(&[
            ("t.hbs", "x"),
            ("bad.hcl", "max_stale = \"2s\"\nconsul {\n  adress = \"c\"\n}\n"),
            ("bad.json", "{\n \"wait\": 5\n}"),
            ("folder/a/b.hcl", "\npid_file ="),
            ("ssl.hcl", "consul { ssl { ca_cert = \"absent.pem\" } }"),
        ]);
        let rows: [(&[&str], &str); 7] = [
            (&["-config", "absent.hcl"], "error: absent.hcl: No such file or directory"),
            (
                &["-config", "bad.hcl"],
                "error: bad.hcl:3:3: consul: unknown key 'adress'; known are address, ",
            ),
            (
                &["-config=bad.json"],
                "error: bad.json:2:10: wait: expected a section, found an integer",
            ),
            (&["-config", "folder"], "error: folder/a/b.hcl:2:11: expected a value, found the end"),
            (&["-config", "ssl.hcl"], "absent.pem: "),
            (&["-log-level", "loud"], "error: log level 'loud': expected trace, "),
            (&["-log-level", "a=b=c"], "error: --log-level 'a=b=c'"),
        ];
        for (args, want) in rows {
            let args = [&["-once", "-template", "t.hbs:out"], args].concat();
            let output = ctemplate(folder.path(), &args);
            assert_eq!(output.status.code(), Some(15), "{args:?}: {}", stderr(&output));
            assert!(stderr(&output).contains(want), "{args:?}: {}", stderr(&output));
        }
        assert!(!folder.path().join("out").exists());
    }

    #[test]
    fn parsing_only_finds_mistakes_and_writes_nothing() {
        let folder = folder(&[("t.hbs", "x"), ("bad.hbs", "{{#if}")]);
        let parse = |template| {
            let args = ["-parse-only", "-log-level=off", "-template", template];
            ctemplate(folder.path(), &args).status.code()
        };
        assert_eq!(parse("t.hbs:out:touch ran"), Some(0));
        assert_eq!(parse("bad.hbs:out"), Some(14));
        assert!(!folder.path().join("out").exists() && !folder.path().join("ran").exists());
    }

    #[test]
    fn a_configuration_file_is_enough() {
        let template = "template {\n  source = \"t.hbs\"\n  destination = \"out\"\n}\n";
        let folder = folder(&[("t.hbs", "x"), ("c.hcl", template)]);
        let output = ctemplate(folder.path(), &["-config", "c.hcl", "-once"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), "x");
    }

    #[test]
    fn the_final_configuration_is_logged_without_secrets() {
        let folder = folder(&[("t.hbs", "x")]);
        let args = [
            "-parse-only",
            "-template",
            "t.hbs:out",
            "-consul-token=s3cr3t",
            "-vault-token=s3cr3t",
            "-log-level=debug",
        ];
        let output = ctemplate(folder.path(), &args);
        assert!(stderr(&output).contains("Final configuration"), "{}", stderr(&output));
        assert!(stderr(&output).contains("vault has no effect"), "{}", stderr(&output));
        assert!(!stderr(&output).contains("s3cr3t"), "{}", stderr(&output));
    }

    #[test]
    fn an_address_that_is_none_is_a_wrong_configuration() {
        let folder = folder(&[("t.hbs", "x")]);
        for address in ["ftp://host", "http://", "a b", "http://host:port"] {
            let output = ctemplate(
                folder.path(),
                &["-once", "-template", "t.hbs:out", "-consul-addr", address],
            );
            assert_eq!(output.status.code(), Some(15), "{address}: {}", stderr(&output));
            assert!(stderr(&output).contains("not an address of Consul"), "{}", stderr(&output));
        }
    }

    #[test]
    fn a_template_without_dependencies_needs_no_consul() {
        let folder = folder(&[
            ("t.hbs", "{{values.a}} {{env \"NAME\"}}\n"),
            ("values.toml", "a = 1\n"),
            ("site.json", "{\"a\": 2}"),
        ]);
        let args = ["--template=t.hbs:new/out:touch ran", "-once", "-values=site.json"];
        let output = ctemplate(folder.path(), &args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(fs::read_to_string(folder.path().join("new/out")).unwrap(), "2 \n");
        assert!(folder.path().join("ran").exists());
    }

    #[test]
    fn dry_prints_only_what_would_change_and_writes_nothing() {
        let folder = folder(&[("t.hbs", "new"), ("same", "new")]);
        let dry = |template| {
            stdout(&ctemplate(
                folder.path(),
                &["-dry", "-once", "-check", "false", "-template", template],
            ))
        };
        assert_eq!(dry("t.hbs:out:touch ran"), "> out\nnew");
        assert_eq!(dry("t.hbs:same"), "");
        assert_eq!(dry("t.hbs"), "new");
        assert!(!folder.path().join("out").exists() && !folder.path().join("ran").exists());
    }

    #[test]
    fn logs_are_text_or_json_on_standard_error() {
        let folder = folder(&[("t.hbs", "x")]);
        let args = ["-once", "-template", "t.hbs:out", "-log-format", "json"];
        let output = ctemplate(folder.path(), &args);
        assert_eq!(stdout(&output), "");
        let lines: Vec<serde_json::Value> =
            stderr(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
        assert_eq!(messages, ["Started", "File written"]);
        assert_eq!(lines[1]["file"], "out");
    }

    #[test]
    fn reloading_needs_a_master() {
        let folder = folder(&[]);
        let output = ctemplate(folder.path(), &["-reload-haproxy", "absent.sock"]);
        assert_eq!(output.status.code(), Some(14));
        assert!(
            stderr(&output).starts_with("error: absent.sock: No such file"),
            "{}",
            stderr(&output)
        );
    }

    #[test]
    fn the_manual_lists_every_option_and_every_function() {
        let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let manual = fs::read_to_string(manual).unwrap();
        let section = |title: &str| {
            let (_, section) = manual.split_once(title).unwrap_or_else(|| panic!("{title}"));
            section.split("\n##").next().unwrap().to_owned()
        };
        let first_cells = |section: &str| -> Vec<String> {
            let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
            rows.map(|row| row.split(['`', ' ']).next().unwrap().to_owned()).collect()
        };
        let mut options: Vec<_> = Cli::command()
            .get_arguments()
            .filter(|option| !option.is_hide_set())
            .filter_map(clap::Arg::get_long)
            .map(|name| format!("-{name}"))
            .collect();
        let keys_and_flags = section("\n### Keys and flags\n");
        let cells = keys_and_flags.lines().filter_map(|line| line.split(" | ").nth(1));
        let flags = cells.flat_map(|cell| cell.split('`').filter(|text| text.starts_with('-')));
        let mut listed: Vec<_> = flags
            .map(|flag| flag.split(' ').next().unwrap().to_owned())
            .filter(|flag| !["-v", "-l", "---"].contains(&flag.as_str()))
            .collect();
        options.sort();
        listed.sort();
        assert_eq!(listed, options);
        // These belong to one of the languages.
        let languages = ["executeTemplate", "print", "values"];
        let functions = functions().map(|function| function.name).chain(languages);
        let mut functions: Vec<_> = functions.map(str::to_owned).collect();
        let mut listed = first_cells(&section("\n## Functions\n"));
        functions.sort();
        listed.sort();
        assert_eq!(listed, functions);
    }
}
