// Command stagecast takes a live programme in over RTMP, SRT or MPEG-TS, encodes it into renditions and serves them as Low-Latency HLS.
//
// This package is the only one that knows all others: it reads the configuration, joins the parts in the order media
// flows, and stops them in reverse.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the build.
var version = "development"

// cli is the command line.
type cli struct {
	Config `embed:""`

	File    string           `name:"config" type:"path" env:"STAGECAST_CONFIG" placeholder:"FILE" help:"Configuration file (YAML). Every flag below can stand in it: http.address is address under http."`
	Version kong.VersionFlag `help:"Print the version."`

	Run    runCmd   `cmd:"" default:"1" help:"Start the server (the default)."`
	Doctor runCmd   `cmd:"" help:"Try what the server needs on this machine, and every device that may encode; say what is wrong and what to do."`
	Check  checkCmd `cmd:"" name:"config" help:"Work with the configuration: 'stagecast config check' reads it, says what is wrong, and exits."`
}

type runCmd struct{}

type checkCmd struct {
	Action string `arg:"" enum:"check" help:"check"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := execute(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "stagecast: "+err.Error())
		os.Exit(1)
	}
}

// execute does what the arguments say, until it is done or ctx ends.
func execute(ctx context.Context, args []string, out, logs io.Writer) error {
	c, command, err := parse(args, kong.Writers(out, logs))
	if err != nil {
		return fmt.Errorf("%w\nRun 'stagecast --help' for all settings", err)
	}
	switch command {
	case "doctor":
		return doctor(ctx, c, out)
	case "run":
	default:
		_, err := fmt.Fprintln(out, "configuration is good")
		return err
	}
	if err := run(ctx, c, out, logs); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// parse reads the configuration from all its sources, and which command is to be done.
func parse(args []string, more ...kong.Option) (*Config, string, error) {
	var c cli
	options := append([]kong.Option{
		kong.Name("stagecast"),
		kong.Description("Live broadcast from OBS to any HLS player. Without arguments it starts everything on this machine, on defaults."),
		kong.Vars{"version": version},
		kong.PostBuild(nameVariables),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	}, more...)
	f := &file{}
	if path := configPath(args); path != "" {
		var err error
		if f, err = readFile(path); err != nil {
			return nil, "", err
		}
		options = append(options, kong.Resolvers(f))
	}
	k, err := kong.New(&c, options...)
	if err != nil {
		return nil, "", err
	}
	parsed, err := k.Parse(args)
	if err != nil {
		return nil, "", f.locate(err)
	}
	return &c.Config, parsed.Command(), nil
}

// nameVariables gives each flag its environment variable.
func nameVariables(k *kong.Kong) error {
	for _, f := range k.Model.Flags {
		if len(f.Envs) == 0 && f.Name != "help" && f.Name != "version" {
			f.Envs = []string{environment(f.Name)}
			f.Value.Tag.Envs = f.Envs
		}
	}
	return nil
}

// configPath finds the file before the other flags are parsed, because it is a source of them.
func configPath(args []string) string {
	for i, a := range args {
		if a == "--config" && i+1 < len(args) {
			return args[i+1]
		}
		if len(a) > 9 && a[:9] == "--config=" {
			return a[9:]
		}
	}
	return os.Getenv("STAGECAST_CONFIG")
}
