using System.Runtime.InteropServices;
using System.Text;
using Sleb.Cli;

if (OperatingSystem.IsWindows()) Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

using var stop = new CancellationTokenSource();
// The first signal asks for an orderly end; a second one finds no handler that holds it back and ends the process at once.
Action<PosixSignalContext> onSignal = signal =>
{
    signal.Cancel = !stop.IsCancellationRequested;
    if (!stop.IsCancellationRequested) stop.Cancel();
};
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, onSignal);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, onSignal);
return SlebCommandLine.Run(args, Console.Out, Console.Error, stop.Token);
