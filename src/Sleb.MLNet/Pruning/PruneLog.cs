using Microsoft.ML.Runtime;
using Sleb.Core.Hub;
using Sleb.Core.Search;
using Sleb.MLNet.Internals;

namespace Sleb.MLNet.Pruning;

/// <summary>The main job's events as lines of MLContext.Log.</summary>
internal sealed class PruneLog(Surroundings surroundings, IProgress<SearchProgress>? progress) : IDisposable
{
    private readonly IChannel _channel = surroundings.StartChannel("SlebPrune");

    public void Report(PruneEvent happened)
    {
        switch (happened)
        {
            case PruneEvent.Started { Search: var search } started:
                Info($"Looking for {started.RemoveBlocks} of {search.Blocks} {search.Family} blocks to remove, on {search.Windows} windows of {search.SequenceLength} tokens; {started.ResumedLosses} losses are known already.");
                break;
            case PruneEvent.Memory memory:
                Info($"Memory: {memory.Plan}.");
                break;
            case PruneEvent.Scored { Progress: var scored }:
                _channel.Trace(MessageSensitivity.None, FormattableString.Invariant(
                    $"Round {scored.Round} of {scored.Rounds}, loss {scored.Scored} of {scored.Losses}: without block {scored.Candidate.Block} {scored.Candidate.MeanNll:F4} nats per token."));
                progress?.Report(scored);
                break;
            case PruneEvent.Decided { Removal: var removal } decided:
                string runnerUp = removal.RunnerUp is null ? "" : FormattableString.Invariant($"; next best is block {removal.RunnerUp}, {removal.Margin:F4} behind");
                string loss = removal.MeanNll is { } nll ? FormattableString.Invariant($", {nll:F4} nats per token") : "";
                Info($"Round {decided.Round} of {decided.Rounds}: block {removal.Block} goes{loss}{runnerUp}.");
                break;
            case PruneEvent.Phase phase:
                Info($"{char.ToUpperInvariant(phase.Name[0])}{phase.Name[1..]}.");
                break;
            case PruneEvent.Warning warning:
                _channel.Warning(MessageSensitivity.None, warning.Message);
                break;
        }
    }

    public void Report(HubEvent happened)
    {
        switch (happened)
        {
            case HubEvent.Planned planned:
                Info($"Downloading {planned.Id} at commit {planned.Commit} from {planned.Endpoint} into {planned.CacheFolder}: {planned.Files} files, {planned.Bytes} bytes, {planned.BytesKept} of them there already.");
                break;
            case HubEvent.Advanced advanced:
                _channel.Trace(MessageSensitivity.None, FormattableString.Invariant($"Downloading {advanced.File}: {advanced.Bytes} of {advanced.Total} bytes of the model."));
                break;
            case HubEvent.Retrying retrying:
                _channel.Warning(MessageSensitivity.None, FormattableString.Invariant($"{retrying.Reason} The next attempt comes in {retrying.Delay.TotalSeconds:0} seconds."));
                break;
            case HubEvent.Waiting waiting:
                Info($"Waiting for another process that is downloading {waiting.File}.");
                break;
            case HubEvent.Finished finished:
                Info($"Downloaded to {finished.Folder}.");
                break;
        }
    }

    public void Dispose() => _channel.Dispose();

    private void Info(FormattableString message) => _channel.Info(MessageSensitivity.None, FormattableString.Invariant(message));
}
