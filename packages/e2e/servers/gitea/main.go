// Gitea, whose container registry the tests use. This command always supports SQLite; Gitea's own command needs a build
// tag for SQLite. Versions later than 1.26.4 require modules that Go module proxies do not serve.
package main

import (
	"os"

	"code.gitea.io/gitea/cmd"
	"code.gitea.io/gitea/modules/log"
	"code.gitea.io/gitea/modules/setting"

	_ "github.com/mattn/go-sqlite3"
)

func main() {
	setting.AppVer = "1.26.4"
	setting.EnableSQLite3 = true
	setting.SupportedDatabaseTypes = append(setting.SupportedDatabaseTypes, "sqlite3")
	err := cmd.RunMainApp(cmd.NewMainApp(cmd.AppVersion{Version: setting.AppVer}), os.Args...)
	log.GetManager().Close()
	if err != nil {
		os.Exit(1)
	}
}
