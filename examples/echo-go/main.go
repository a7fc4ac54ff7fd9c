// A seed in Go that uses all three host functions of Pollen. In and out go
// bytes. It must turn every failure into an error with a sentence: a Go panic
// would reach the caller as a bare trap.
package main

import (
	"bytes"

	"github.com/extism/go-pdk"
)

// The offsets are those of Extism memory blocks; 0 means "no answer".

//go:wasmimport extism:host/user pollen_request
func pollenRequest(uri, input uint64) uint64

//go:wasmimport extism:host/user pollen_caller_info
func pollenCallerInfo() uint64

//go:wasmimport extism:host/user pollen_log
func pollenLog(level, message uint64)

const levelInfo = 1

// echo answers with its input.
//
//go:wasmexport echo
func echo() int32 {
	pdk.Output(pdk.Input())
	return 0
}

// ask reads a pln:// address, a newline and a payload; it calls the address
// with the payload and answers with what comes back.
//
//go:wasmexport ask
func ask() int32 {
	line, payload, found := bytes.Cut(pdk.Input(), []byte("\n"))
	uri := string(bytes.TrimSuffix(line, []byte("\r")))
	if !found {
		return fail("The input must be a pln:// address, a newline and a payload.")
	}
	to, message := pdk.AllocateString(uri), pdk.AllocateBytes(payload)
	answer := pollenRequest(to.Offset(), message.Offset())
	if answer == 0 {
		return fail("No answer from " + uri + ": is it running, and may this seed call it?")
	}
	pdk.OutputMemory(pdk.FindMemory(answer))
	return 0
}

// caller answers with the JSON that the host has about the caller.
//
//go:wasmexport caller
func caller() int32 {
	info := pollenCallerInfo()
	if info == 0 {
		pdk.OutputString("{}")
		return 0
	}
	pdk.OutputMemory(pdk.FindMemory(info))
	return 0
}

// log writes its input as one log line of level info.
//
//go:wasmexport log
func log() int32 {
	message := pdk.AllocateBytes(pdk.Input())
	pollenLog(levelInfo, message.Offset())
	return 0
}

func fail(message string) int32 {
	pdk.SetErrorString(message)
	return 1
}

func main() {}
