using System.CommandLine;
using Sleb.Cli.Doctor;
using Sleb.Cli.Json;
using Sleb.Cli.Output;
using Sleb.Core.Search;
using Sleb.MLNet.Reporting;

namespace Sleb.Cli.Commands;

/// <summary>Which native libraries there are, which devices they would use, and why not others; everything is tried.</summary>
internal sealed class DoctorCommand : SlebCommand
{
    /// <summary>How the command calls itself for one library.</summary>
    private readonly Option<string?> _probe = CommandOptions.Choice("--probe", "The library to load in this process.", [.. LibraryProbe.All.Select(probe => probe.Word)]);

    public DoctorCommand() : base("doctor", "Say what this tool runs on, whether it works, and why CUDA is not used.")
    {
        _probe.Hidden = true;
        Add(_probe);
    }

    public override void Execute(ParseResult call, CommandContext context)
    {
        if (call.GetValue(_probe) is { } word)
        {
            LibraryProbe.All.Single(probe => probe.Word == word).Answer(context.Output);
            return;
        }
        var reports = LibraryProbe.All.Select(probe => (Probe: probe, Report: ProbeProcess.Run(probe, context.Cancellation))).ToList();
        var machine = new DoctorDocument.MachineFacts(Machine.Describe(), Environment.ProcessorCount, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            reports.Select(each => each.Report.Arithmetic).FirstOrDefault(arithmetic => arithmetic is not null));
        var document = new DoctorDocument(machine, [.. reports.Select(each => new DoctorDocument.Library(
            each.Probe.Name, each.Report.Version, each.Report.Path, each.Report.Devices, each.Probe.Check, each.Report.Cpu!, each.Report.Cuda!))]);
        if (context.Json) JsonOutput.Write(context.Output, document);
        else Show(document, new ResultLines(context.Console));
        if (document.Libraries.FirstOrDefault(library => library.Cpu.Device is null) is { } broken)
            throw new InvalidOperationException($"{broken.Name} does not work on this machine's CPU: {broken.Cpu.Reason}");
    }

    private static void Show(DoctorDocument document, ResultLines lines)
    {
        var machine = document.Machine;
        lines.Add("Machine", $"{machine.Description}, {Numbers.Bytes(machine.MemoryBytes)} of memory");
        lines.Add("Searches", machine.Arithmetic switch
        {
            null => "could not be measured",
            Arithmetic.Fp32 => "run in fp32: nothing that was measured is faster here",
            { } faster => $"screen candidates in {Figures.Name(faster)}, which was measured to be faster here",
        });
        foreach (var library in document.Libraries)
        {
            lines.Add("Library", library.Name + (library.Version is { } version ? $" {version}" : ""));
            if (library.Path is { } path) lines.Add("  from", path);
            if (library.Devices.Count > 0) lines.Add("  lists", string.Join(", ", library.Devices));
            foreach (var (name, answer) in new[] { ("cpu", library.Cpu), ("cuda", library.Cuda) })
                lines.Add("  " + name, answer.Reason is { } reason ? $"not used: {reason}" : $"used as {answer.Device}: {library.Check} came out right");
        }
    }
}
