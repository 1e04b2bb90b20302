using System.Globalization;
using Sleb.Onnx.Emit;
using Sleb.Onnx.Runtime;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Onnx;

/// <summary>The last step of an export: the logits of the folder, loaded as a user would load it, are compared.</summary>
internal static class LogitCheck
{
    /// <summary>
    /// Float32 summed in another order differs by about 2e-6 of the largest logit (3e-5 at 17 in the conformance folders); the mildest
    /// wrong setting they know, a norm's epsilon of 1e-6 for 1e-5, moves logits by 1.2e-4 of it. 1e-3 is the floor where logits are small.
    /// </summary>
    private const double Relative = 1e-4, Floor = 1e-3;

    /// <summary>
    /// Of a 16-bit format: independent roundings add up as the root of their number, which grows with the blocks. The conformance
    /// folders (5 or 6 blocks) differ by up to 17 roundings of their largest logit in float16; this allows 27 or 29.
    /// </summary>
    private const double Roundings = 12;

    public const int PromptLength = 8;

    /// <exception cref="InvalidDataException">The folder computes something else.</exception>
    public static void Verify(GenAIModel model, Func<IReadOnlyList<int>, float[]>? reference, DataType type, int blocks, CancellationToken cancellationToken)
    {
        int[] prompt = Prompt(Math.Min(PromptLength, model.ContextLength), model.VocabSize);
        float[] found = model.Logits(prompt, cancellationToken);
        int bad = Array.FindIndex(found, logit => !float.IsFinite(logit));
        if (bad >= 0)
            throw new InvalidDataException($"The written model gives the logit {found[bad].ToString(CultureInfo.InvariantCulture)} at position {bad / model.VocabSize}; its weights overflow {type.ToString().ToLowerInvariant()}. Nothing was put in place.");
        if (reference is null) return;

        float[] expected = reference(prompt);
        if (expected.Length != found.Length)
            throw new InvalidDataException($"The reference gives {expected.Length} logits where {prompt.Length} tokens of a vocabulary of {model.VocabSize} give {found.Length}. Nothing was put in place.");
        double worst = Difference(expected, found, out double largest);
        double bound = type == DataType.Float ? Math.Max(Floor, Relative * largest) : Roundings * Math.Sqrt(blocks) * FloatTypes.UnitRoundoff(type) * largest;
        if (!(worst <= bound))
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                $"The written model's logits differ from the checkpoint's by {worst:g3} where {bound:g3} is allowed. Nothing was put in place; please report this with the model's config.json."));
    }

    /// <summary>The largest difference, NaN where there is one, and the largest value expected.</summary>
    public static double Difference(ReadOnlySpan<float> expected, ReadOnlySpan<float> found, out double largest)
    {
        double worst = 0;
        largest = 0;
        for (int i = 0; i < Math.Min(expected.Length, found.Length); i++)
        {
            double difference = Math.Abs((double)found[i] - expected[i]);
            if (double.IsNaN(difference)) return difference;
            worst = Math.Max(worst, difference);
            largest = Math.Max(largest, Math.Abs(expected[i]));
        }
        return worst;
    }

    /// <summary>Ids spread over the vocabulary, all different where it is large enough.</summary>
    public static int[] Prompt(int length, int vocabulary) =>
        [.. Enumerable.Range(0, length).Select(i => (int)((i * 2L + 1) * vocabulary / (2L * length)))];
}
