// Command parts makes those parts of the packages that follow from the program itself: the settings that a package begins with,
// the udev rule, the man page, the licences of what is linked, and the bill of materials. It prints one of them:
//
//	parts settings EXAMPLE
//	parts udev
//	parts man TEMPLATE PROGRAM SECONDS
//	parts licences PROGRAM
//	parts bom PROGRAM VERSION SECONDS
//
// PROGRAM is the built tillbridge, of this computer for man and of any architecture else; SECONDS is the time of the commit since
// 1970. It is run at the top of the source.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"tillbridge/drivers"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "parts:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	text, err := part(ctx, args)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
}

// part is the text that a command line asks for.
func part(ctx context.Context, args []string) (string, error) {
	switch {
	case len(args) == 2 && args[0] == "settings":
		example, err := os.ReadFile(args[1])
		if err != nil {
			return "", err
		}
		return settings(string(example))
	case len(args) == 1 && args[0] == "udev":
		return udev(drivers.All())
	case len(args) == 4 && args[0] == "man":
		template, err := os.ReadFile(args[1])
		if err != nil {
			return "", err
		}
		at, err := seconds(args[3])
		if err != nil {
			return "", err
		}
		return manual(string(template), at, func(verb []string) (string, error) { return help(ctx, args[2], verb) })
	case len(args) == 2 && args[0] == "licences":
		l, err := linkedInto(ctx, args[1])
		if err != nil {
			return "", err
		}
		return licences(l), nil
	case len(args) == 4 && args[0] == "bom":
		at, err := seconds(args[3])
		if err != nil {
			return "", err
		}
		l, err := linkedInto(ctx, args[1])
		if err != nil {
			return "", err
		}
		return bom(l, args[2], at)
	}
	return "", fmt.Errorf("wrong usage: %q", args)
}

func seconds(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("the commit's time: %w", err)
	}
	return time.Unix(n, 0).UTC(), nil
}
