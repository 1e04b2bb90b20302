using Sleb.Core.Tokenization;
using Sleb.Onnx.Runtime;

namespace Sleb.MLNet.Scoring;

/// <summary>A model folder with its tokenizer, loaded.</summary>
internal sealed class ScoringModel : IScoringModel
{
    private readonly GenAIModel _model;
    private readonly HuggingFaceTokenizer _tokenizer;
    private readonly CancellationTokenSource _closing = new();
    private readonly ReaderWriterLockSlim _use = new(LockRecursionPolicy.NoRecursion); // many calls, or the end of them

    private ScoringModel(GenAIModel model, HuggingFaceTokenizer tokenizer) => (_model, _tokenizer) = (model, tokenizer);

    public static ScoringModel Load(string folder, int? gpuDeviceId, bool fallbackToCpu, Action<string>? warn)
    {
        var tokenizer = HuggingFaceTokenizer.Load(folder); // first: it is cheap, and a model without it is of no use here
        var model = GenAIModel.Load(folder, gpuDeviceId, fallbackToCpu);
        if (model.FellBackToCpu) warn?.Invoke($"The GPU is not there or cannot run {folder}: it runs on the CPU.");
        return new ScoringModel(model, tokenizer);
    }

    public int ContextLength => _model.ContextLength;

    public bool RereadsExactly => _model.RereadsExactly;

    public int[] Encode(string prompt, ScoringSettings settings, Action<string> warn) => Use(CancellationToken.None, _ =>
    {
        int[] ids = settings.UseChatTemplate
            ? _tokenizer.Encode(_model.ApplyChatTemplate(prompt), addSpecialTokens: false) // the template spells them out
            : _tokenizer.Encode(prompt);
        int context = _model.ContextLength;
        if (ids.Length <= context - 1) return ids;
        int kept = Math.Min(context - 1, Math.Max(context - settings.MaxNewTokens, context / 2));
        warn($"A prompt of {ids.Length} tokens leaves no room in the model's context of {context}: its last {kept} tokens are continued.");
        return ids[^kept..];
    });

    public IReadOnlyList<int>[] Continue(IReadOnlyList<IReadOnlyList<int>> rows, int maxNewTokens, ScoringSettings settings, CancellationToken cancellationToken) =>
        Use(cancellationToken, token => _model.GenerateBatch(rows, new()
        {
            MaxNewTokens = maxNewTokens,
            Sample = settings.Sample,
            Temperature = settings.Temperature,
            TopK = settings.TopK,
            TopP = settings.TopP,
            Seed = settings.SamplingSeed,
        }, token));

    public string Decode(IReadOnlyList<int> ids) => _tokenizer.Decode(ids, skipSpecialTokens: true);

    public float NegativeLogLikelihood(string text, CancellationToken cancellationToken) =>
        Use(cancellationToken, token =>
        {
            int[] ids = _tokenizer.Encode(text);
            double sum = 0;
            int count = 0;
            for (int start = 0; start + 1 < ids.Length; start += _model.ContextLength)
            {
                double[] losses = _model.TokenNll(ids.AsSpan(start, Math.Min(_model.ContextLength, ids.Length - start)), token);
                foreach (double loss in losses) sum += loss;
                count += losses.Length;
            }
            return count == 0 ? float.NaN : (float)(sum / count);
        });

    public void Dispose()
    {
        _closing.Cancel();
        _use.EnterWriteLock(); // a call that still runs sees the cancel at its next token
        try
        {
            _model.Dispose();
        }
        finally
        {
            _use.ExitWriteLock();
        }
    }

    private T Use<T>(CancellationToken cancellationToken, Func<CancellationToken, T> work)
    {
        _use.EnterReadLock();
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token, cancellationToken);
            either.Token.ThrowIfCancellationRequested();
            return work(either.Token);
        }
        finally
        {
            _use.ExitReadLock();
        }
    }
}
